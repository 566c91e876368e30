# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# probes.h for the shell. An entry is typed as $(u32 NUMBER), its value as $(u32 BACKEND_ID).

# shellcheck disable=SC2034 # for whoever sources this
FIRST_PROBE_PORT=61000 PROBE_PORTS=4 MAX_PROBES=1024
