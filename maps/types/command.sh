# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# command.h for the shell: what xdp_maglev is told. scripts/lib/encode.jq writes it.

# shellcheck disable=SC2034 # for whoever sources this
MAX_SERVICE_BACKENDS=1024 MAX_SERVICE_CLIENTS=1000 MAX_COMMAND_CHANGES=2048 MAX_SERVICE_SLOTS=65537 COMMAND_MALFORMED=$((0xfffffff0))

enum operation u32 - build delete settle
struct command operation:operation key:service_key service:service limit:limit table:u32 is_vip:u32 changes:u32 clients:u32 server_ids:u32 checks:u32
struct backend_change id:u32 backend:backend
struct client_change key:client_key entry:client_entry
struct server_id_change key:server_id_key value:server_id
