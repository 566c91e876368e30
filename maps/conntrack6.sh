# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# conntrack6.h for the shell. Only the program writes this map.

# conntrack6_decode: a dump on stdin -> what conntrack_decode prints
conntrack6_decode() {
	decode 'elements("connection_key"; "connection") | connections'
}
