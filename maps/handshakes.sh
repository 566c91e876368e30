# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# handshakes.h for the shell. Only the program writes this map.

struct handshake source:ipv4 destination:ipv4 source_port:be16 destination_port:be16 new_source:ipv4 new_destination:ipv4 \
	new_source_port:be16 new_destination_port:be16 backend:u16 direction:direction protocol:protocol confirm:u32 expires:u64
struct handshake_set lock:u32 next:u8 answered:u8 unused:pad2 first:handshake second:handshake third:handshake

# handshakes_decode: a dump on stdin -> what conntrack_decode prints
handshakes_decode() {
	decode 'elements("u32"; "handshake_set") | map(.value | .first, .second, .third | select(.expires > 0)
		| {key: ., value: {translation: (. + {source: .new_source, destination: .new_destination,
			source_port: .new_source_port, destination_port: .new_destination_port})}}) | connections'
}
