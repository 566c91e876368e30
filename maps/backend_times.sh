# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# backend_times.h for the shell.

# shellcheck disable=SC2034 # for whoever sources this
BACKEND_TIMES_MAP=(type array key 4 value 8 entries 32768 name backend_times) # what bpftool makes it of

struct backend_time changed:u64
