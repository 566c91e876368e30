# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# handshakes6.h for the shell. Only the program writes this map.

struct handshake6 key:connection_key translation:translation confirm:u32 expires:u64
struct handshake6_set lock:u32 next:u8 answered:u8 unused:pad2 first:handshake6 second:handshake6 third:handshake6

# handshakes6_decode: a dump on stdin -> what conntrack_decode prints
handshakes6_decode() {
	decode 'elements("u32"; "handshake6_set") | map(.value | .first, .second, .third | select(.expires > 0)
		| {key, value: {translation}}) | connections'
}
