# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# counter.h for the shell: sourced.

# counters_decode NAME...: a dump on stdin -> [{name, packets, bytes}], summed over the CPUs. The
# names are those of the map's elements, in their order.
counters_decode() {
	jq -c '[.[].formatted | {
		name: $ARGS.positional[.key],
		packets: ([.values[].value.packets] | add),
		bytes: ([.values[].value.bytes] | add)
	}]' --args "$@"
}
