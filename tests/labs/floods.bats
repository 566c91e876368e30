#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/floods, in short: 50 connections live through a few thousand frames of each kind. `tests/floods 5000000` by hand is the
# real thing.

load ../lib/helper

teardown_file() {
	scripts/node destroy --all
}

# survives MODE KIND...: no connection breaks, and each flood was what it should be: most of its frames became what is said.
survives() {
	run -0 env KINDS="${*:2}" tests/floods 6000@6000 "$1"
	echo "$output"
	[ "$(grep -c ' 6000 frames .* 50 and 50 of 50 answer ' <<<"$output")" -eq $(($# - 1)) ]
}

# became KIND TEXT: its line has this.
became() {
	grep -E "^[a-z0-9]+ +$1 " <<<"$output" | grep -qE "$2"
}

@test "IPIP: floods of ACKs, UDP, fragments, ICMP errors and strangers' tunnels break no connection" {
	survives ipip twice udp fragment later icmp tunnel
	became twice "forwarded [67][0-9]{3}"
	became later "fragment_unknown 6000"
	became icmp "forwarded [67][0-9]{3}"
	became tunnel "source_refused 6000"
}

@test "NAT: the same" {
	survives nat ack icmp
	became ack "no_connection 6000"
	became icmp "not_ours 60[0-9]{2}"
}

@test "what is no number of frames is refused" {
	run -2 tests/floods many
	[[ $output == "usage: tests/floods COUNT"* ]]
}
