# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# seats.h for the shell. Only the program writes this map.

struct seat taken:u32 unused:pad4 request:connection_key
