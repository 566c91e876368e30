# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# conntrack.h for the shell. Only the program writes this map.

enum direction u32 request reply
struct translation becomes:connection_key backend:u32 direction:direction
struct connection translation:translation seen:u64 fin:u32 rst:u32 seat:u32 closing:u32

# conntrack_decode: a dump on stdin -> [{protocol, client, vip, lb, backend}], addresses with ports;
# one for each connection, by its request's entry.
conntrack_decode() {
	decode 'elements("connection_key"; "connection") | connections'
}
