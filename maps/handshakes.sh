# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# handshakes.h for the shell. Only the program writes this map.

struct handshake source:ipv4 destination:ipv4 source_port:be16 destination_port:be16 translation:translation confirm:u32 expires:u64
struct handshake_set lock:u32 next:u8 answered:u8 unused:pad2 first:handshake second:handshake third:handshake

# handshakes_decode: a dump on stdin -> what conntrack_decode prints
handshakes_decode() {
	decode 'elements("u32"; "handshake_set") | map(.value | .first, .second, .third | select(.expires > 0)
		| {key: (. + {protocol: .translation.protocol}), value: .}) | connections'
}
