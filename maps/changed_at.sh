# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# changed_at.h for the shell.

# shellcheck disable=SC2034 # for whoever sources this
CHANGED_AT_MAP=(type array key 4 value 8 entries 32768 name changed_at) # what bpftool makes it of

struct change_time changed:u64
