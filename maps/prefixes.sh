# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# prefixes.h for the shell; its structs are those of clients.

# shellcheck disable=SC2034 # for whoever sources this
PREFIXES_MAP=(type hash key 24 value 4 entries 16384 name prefixes flags 1) # what bpftool makes it of
