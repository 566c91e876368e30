# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# seats.h for the shell. Only the program writes this map.

struct seat taken:u32 seen:u32 request:connection_key
