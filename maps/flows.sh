# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# flows.h for the shell: sourced, with bytes.sh. Only the programs write this map.

# flows_decode: a dump on stdin -> [{protocol, client, service, backend: ID, closing, seen}], addresses
# with ports, `seen` in seconds since boot.
flows_decode() {
	# shellcheck disable=SC2016 # these are jq's variables
	decode '[.[] | .formatted.value as $flow | {
		protocol: (.formatted.key.protocol | protocol),
		client: (.key | endpoint(0; 8)),
		service: (.key | endpoint(4; 10)),
		backend: $flow.backend,
		closing: ($flow.closing == 1),
		seen: ($flow.seen / 1e9 | floor)
	}]'
}
