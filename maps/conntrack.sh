# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# conntrack.h for the shell. Only the program writes this map.

struct connection translation:translation seat:u32 seen:u64 fin:u8 rst:u8 closing:u8 unused:pad5

# conntrack_decode: a dump on stdin -> [{protocol, client, vip, lb, backend}], addresses with ports;
# one for each connection, by its request's entry.
conntrack_decode() {
	decode 'elements("ipv4_key"; "connection") | connections'
}
