# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# conntrack.h for the shell. Only the program writes this map.

enum direction u8 request reply
struct translation source:ipv4 destination:ipv4 source_port:be16 destination_port:be16 backend:u16 direction:direction protocol:protocol
struct connection translation:translation seen:u64 seat:u32 fin:u8 rst:u8 closing:u8 unused:pad1

# conntrack_decode: a dump on stdin -> [{protocol, client, vip, lb, backend}], addresses with ports;
# one for each connection, by its request's entry.
conntrack_decode() {
	decode 'elements("ipv4_key"; "connection") | connections'
}
