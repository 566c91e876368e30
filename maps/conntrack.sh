# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# conntrack.h for the shell: sourced, with bytes.sh. Only the program writes this map.

# conntrack_decode: a dump on stdin -> [{protocol, client, vip, lb, backend}], addresses with ports;
# one for each connection, by its request's entry.
conntrack_decode() {
	# shellcheck disable=SC2016 # these are jq's variables
	decode '
	def endpoint($raw; $address; $port): ($raw[$address:$address + 4] | map(byte | tostring) | join("."))
		+ ":" + ($raw[$port:$port + 2] | be16 | tostring);
	[.[] | select(.formatted.value.translation.direction == 0) | .value as $value | {
		protocol: (.formatted.key.protocol | protocol),
		client: endpoint(.key; 0; 8),
		vip: endpoint(.key; 4; 10),
		lb: endpoint($value; 0; 8),
		backend: endpoint($value; 4; 10)
	}]'
}
