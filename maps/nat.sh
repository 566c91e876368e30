# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# nat.h for the shell.

# What the settings are unless somebody changes them: ports, and seconds of handshake, established,
# closing and UDP. Established is what RFC 5382 asks for (2 hours and 4 minutes).
# shellcheck disable=SC2034 # for whoever sources this
NAT_DEFAULTS=(10000 65535 30 7440 30 300)

struct nat first_port:u16 last_port:u16 handshake:u32 established:u32 closing:u32 udp:u32

# nat FIRST_PORT LAST_PORT HANDSHAKE ESTABLISHED CLOSING UDP
nat() {
	encode nat "$@"
}

# nat_decode: the entry on stdin -> {first_port, last_port, handshake, established, closing, udp}
nat_decode() {
	decode '.value | bytes | decode("nat")'
}
