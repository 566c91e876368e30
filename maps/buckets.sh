# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# buckets.h for the shell.

struct bucket_key service:u32 family:u32 address:address
struct bucket full_at:u64
