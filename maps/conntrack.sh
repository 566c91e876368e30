# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# conntrack.h for the shell: sourced, with bytes.sh. Only the program writes this map.

# conntrack_decode: a dump on stdin -> [{protocol, client, vip, lb, backend}], addresses with ports;
# one for each connection, by its request's entry.
conntrack_decode() {
	decode '[.[] | select(.formatted.value.translation.direction == 0) | {
		protocol: (.formatted.key.protocol | protocol),
		client: (.key | endpoint(0; 8)),
		vip: (.key | endpoint(4; 10)),
		lb: (.value | endpoint(0; 8)),
		backend: (.value | endpoint(4; 10))
	}]'
}
