# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# handshakes6.h for the shell. Only the program writes this map.

struct handshake6_set lock:u32 next:u8 answered:u8 unused:pad2 key1:connection_key key2:connection_key key3:connection_key \
	first:handshake second:handshake third:handshake

# handshakes6_decode: a dump on stdin -> what conntrack_decode prints
handshakes6_decode() {
	decode 'elements("u32"; "handshake6_set") | handshakes | connections'
}
