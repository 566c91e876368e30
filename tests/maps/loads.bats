#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Whether this kernel takes the programs. In a virtual machine (tests/vm/run) that is another kernel.

load ../lib/helper

# On 6.1 the verifier walks through three times as many as newer ones do: the room is needed there.
@test "every object loads, and each program leaves the verifier a fifth of the million instructions that it walks through at most" {
	local object instructions count=0
	run -0 tests/vm/load.py bpf labs/faults
	echo "$output"
	while read -r _ object instructions _; do
		[ "$instructions" -ge 2 ]
		[ "$instructions" -le 800000 ] || {
			echo "$object"
			false
		}
		count=$((count + 1))
	done <<<"$output"
	[ "$count" -eq "$(find bpf labs/faults -name '*.c' | wc -l)" ]
}
