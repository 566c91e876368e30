# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# server_ids.h for the shell.

# shellcheck disable=SC2034 # for whoever sources this
MAX_SERVER_ID_BYTES=4

struct server_id_key service:u32 server_id:u32
struct server_id backend:u32
