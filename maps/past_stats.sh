# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# past_stats.h for the shell; its struct is that of backend_stats.

# shellcheck disable=SC2034 # for whoever sources this
PAST_STATS_MAP=(type array key 4 value 24 entries 4097 name past_stats) # what bpftool makes it of
