#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Two load balancers with NAT behind a router that spreads packets over them: each has connections of its own. What README.md
# says that such a group can do, and what it cannot.

load ../lib/helper

vip=203.0.113.15

setup_file() {
	local node i
	scripts/node destroy --all
	scripts/node create gateway eth0=lan:192.168.178.2/24 eth1=wan:10.0.0.2/16
	scripts/node create client eth0=wan:10.0.0.20/16 via 10.0.0.2
	for i in 1 2; do
		scripts/node create "backend-0$i" "eth0=lan:192.168.178.1$i/24" via 192.168.178.2
		background "backend-0$i" tests/lib/connections.py serve "192.168.178.1$i" 7000
		scripts/node create "lb-0$i" "eth0=lan:192.168.178.2$i/24" via 192.168.178.2
		node=lb-0$i
		on $node sysctl -qw net.ipv4.ip_forward=1
		on $node scripts/lb attach nat eth0
		on $node scripts/lb set key 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
		printf 'service tcp %s\nbackend 192.168.178.11\nbackend 192.168.178.12\n' $vip:7000 | on $node scripts/lb restore -
	done
	on gateway sysctl -qw net.ipv4.ip_forward=1 net.ipv4.fib_multipath_hash_policy=1
	on gateway ip route add $vip/32 nexthop via 192.168.178.21 nexthop via 192.168.178.22
}

teardown_file() {
	scripts/node destroy --all
}

# flows NODE: how many connections it has.
flows() {
	on "$1" scripts/lb --json flows | jq length
}

@test "with NAT, each member serves its share; one that goes takes its connections along, and the others' stay" {
	local first second
	mkfifo "$BATS_TEST_TMPDIR/say"
	on client env PATIENCE=10 tests/lib/connections.py ask $vip 7000 200 20000 10.0.0.20 <"$BATS_TEST_TMPDIR/say" >"$BATS_TEST_TMPDIR/heard" 2>&1 3>&- &
	exec 9>"$BATS_TEST_TMPDIR/say"
	wait_for 20 grep -qx "open 200" "$BATS_TEST_TMPDIR/heard"
	first=$(flows lb-01) second=$(flows lb-02)
	echo "lb-01: $first, lb-02: $second"
	[ $((first + second)) -eq 200 ]
	[ "$first" -ge 50 ]
	[ "$second" -ge 50 ]
	[ "$(on lb-01 scripts/lb fingerprint)" = "$(on lb-02 scripts/lb fingerprint)" ]
	on gateway ip route replace $vip/32 via 192.168.178.21
	echo go >&9
	# those of the other one get no answer: their clients give up after a while
	wait_for 40 grep -qx "[0-9]*" "$BATS_TEST_TMPDIR/heard"
	exec 9>&-
	cat "$BATS_TEST_TMPDIR/heard"
	[ "$(grep -x "[0-9]*" "$BATS_TEST_TMPDIR/heard")" -eq "$first" ]
	# and new ones are served
	on client tests/lib/connections.py ask $vip 7000 100 30000 10.0.0.20 </dev/null | grep -qx "open 100"
}
