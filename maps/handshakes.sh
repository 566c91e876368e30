# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# handshakes.h for the shell. Only the program writes this map.

struct handshake translation:translation confirm:u32 expires:u64 unused:pad8
struct handshake_set lock:u32 next:u8 answered:u8 unused:pad2 key1:ipv4_key key2:ipv4_key key3:ipv4_key unused8:pad8 \
	first:handshake second:handshake third:handshake

# handshakes_decode: a dump on stdin -> what conntrack_decode prints
handshakes_decode() {
	decode 'elements("u32"; "handshake_set") | handshakes | connections'
}
