#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Frames that were mutated at random, of both families and in all tunnels. The seed is the same each time, so that what fails
# can be tried again; SEED=... FRAMES=... bats tests/packets/fuzz.bats tries others, and more.

load ../lib/helper

FRAMES=${FRAMES-10000}
SEED=${SEED-1}

setup_file() {
	one_load_balancer
	speak_ipv6
	lb attach ipip eth0
	lb set address 2001:db8:178::10
	lb set key 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f # KEY of tests/lib/packet.py
	local vip protocol
	for vip in 192.168.178.15 '[2001:db8:178::15]'; do
		for protocol in tcp udp; do
			printf '%s\n' "service $protocol $vip:8000" 'backend 172.16.0.10' "service $protocol $vip:8600" 'backend 2001:db8:16::10'
		done
	done | lb restore -
	on lb ip neigh replace 192.168.178.2 dev eth0 lladdr 02:00:00:00:00:02 nud permanent
	# LOAD_BALANCERS, HOSTS and VIPS of tests/lib/fuzz.py
	on lb ip link set dev eth1 xdp obj bpf/xdp_decap.o sec xdp
	local words
	while read -ra words; do
		lb decap add "${words[@]}"
	done <<-END
		lb 192.168.178.10
		lb 2001:db8:178::10
		lb 10.99.0.0/24
		host 172.16.0.10 ipip gre fou gue
		host 2001:db8:16::10 ipip gre fou gue
		host 172.16.0.11 gre gue:7777
		vip 192.168.178.15
		vip 2001:db8:178::15
	END
}

teardown_file() {
	scripts/node destroy --all
}

@test "xdp_decap does with each frame what an independent model does" {
	on lb tests/lib/fuzz.py decap eth1 $((FRAMES * 3)) "$SEED"
}

@test "xdp_relay does the same, while no server listens here" {
	on lb ip -force link set dev eth1 xdp obj bpf/xdp_relay.o sec xdp
	on lb tests/lib/fuzz.py decap eth1 "$FRAMES" "$SEED"
}

@test "xdp_ipip, xdp_gre, xdp_fou and xdp_gue: what they send is right, what they let pass is as it was" {
	local kind
	for kind in ipip gre fou gue; do
		on lb ip -force link set dev eth0 xdp obj "bpf/xdp_$kind.o" sec xdp
		on lb tests/lib/fuzz.py "$kind" eth0 "$FRAMES" "$SEED"
	done
}
