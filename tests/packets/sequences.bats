#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Not packets, but what becomes of them while things change: random sequences of packets, changes of backends, and time,
# against a small model of connections (tests/lib/sequences.py). STEPS=... SEED=... bats tests/packets/sequences.bats tries others.

load ../lib/helper
# shellcheck source=tests/lib/fuzzing.bash
. tests/lib/fuzzing.bash

setup() {
	one_load_balancer
	speak_ipv6
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
}

teardown() {
	scripts/node destroy --all
}

@test "a connection keeps its backend while that one is up, whoever comes and goes" {
	lb attach ipip eth0
	lb set address 2001:db8:178::10
	on lb tests/lib/sequences.py ipip "${STEPS-2000}" "${SEED-1}"
}

@test "NAT: a connection keeps its backend and its port, and gets its own answers" {
	lb attach nat eth0
	lb set address 2001:db8:178::10
	lb nat set handshake 7200 established 7440 closing 7200 udp 7200 # nothing ends by itself, however slow the machine is
	on lb tests/lib/sequences.py nat "${STEPS-2000}" "${SEED-1}"
}

@test "a program that forgets its connections is found out" {
	build_broken xdp_ipip headers/lb/tracking.h 's/return slot[.]now == slot[.]was ? slot[.]now : track(packet, service, slot)/return slot.now/'
	lb attach ipip eth0
	lb set address 2001:db8:178::10
	on lb ip -force link set dev eth0 xdp obj "$BATS_TEST_TMPDIR/broken/bpf/xdp_ipip.o" sec xdp.frags
	run -1 on lb tests/lib/sequences.py ipip 3000 1
	# shellcheck disable=SC2154 # output is run's
	echo "$output"
	[[ $output == *"it goes to "*", which is none of "* ]]
}
