# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# flows.h for the shell. Only the programs write this map.

struct tracked_flow backend:u32 closing:u32 seen:u64
