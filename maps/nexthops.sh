# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# nexthops.h for the shell. Only the programs write this map.

struct nexthop destination:mac source:mac ifindex:u32 address:ipv4 mtu:u16 routes:u16 expires:u64
