# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# explanation.h for the shell: what xdp_why says. Only the program writes it.

enum parsed u32 other broken later_fragment flow icmp_error unreadable
enum memory u32 none new_flow flow fragment connection server_id
struct explanation flow:connection_key parsed:parsed is_vip:u32 service:u32 hash:u32 slot:u32 now:u16 was:u16 memory:memory backend:u32 probe:u32 opens:u32
