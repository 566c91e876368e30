# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# limits.h for the shell.

struct limit rate:u32 bits:u32
