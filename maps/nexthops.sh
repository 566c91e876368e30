# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# nexthops.h for the shell. Only the programs write this map.

struct nexthop destination:mac source:mac outer:vlan_tag inner:vlan_tag ifindex:u32 mtu:u16 routes:u16 family:u32 address:address expires:u64
