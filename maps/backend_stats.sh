# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# backend_stats.h for the shell: sourced.

# backend_stats_decode: some elements on stdin, as an array -> [{id, packets, bytes, connections}],
# summed over the CPUs.
backend_stats_decode() {
	jq -c '[.[].formatted | {id: .key} + ([.values[].value] | {
		packets: (map(.packets) | add),
		bytes: (map(.bytes) | add),
		connections: (map(.connections) | add)
	})]'
}
