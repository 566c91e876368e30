# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# handshakes.h for the shell: sourced, with conntrack.sh. Only the program writes this map.

# handshakes_decode: a dump on stdin -> what conntrack_decode prints
handshakes_decode() {
	conntrack_decode
}
