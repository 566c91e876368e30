# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# handshakes.h for the shell. Only the program writes this map.

struct handshake translation:translation expires:u64 answered:u32 confirm:u32

# handshakes_decode: a dump on stdin -> what conntrack_decode prints
handshakes_decode() {
	decode 'elements("connection_key"; "handshake") | connections'
}
