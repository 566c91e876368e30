# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# checks.h for the shell.

# shellcheck disable=SC2034 # for whoever sources this
CHECKS_LENGTH=1020 CHECKS_MAP=(type hash key 4 value 1024 entries 4096 name checks flags 1) # what bpftool makes it of

struct checks length:u32 text:bytes1020
