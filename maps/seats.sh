# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# seats.h for the shell: sourced. Only the program writes this map.

# seats_decode: some elements on stdin, as an array -> [{seat, taken}]
seats_decode() {
	jq -c '[.[].formatted | {seat: .key, taken: .value.taken}]'
}
