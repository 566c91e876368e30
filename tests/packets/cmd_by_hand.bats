#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Everything by hand: `ip link set xdp` and `bpftool map update`, with bytes as a person types them, without scripts/lb
# and without the encoders of maps/.

load ../lib/helper

setup_file() {
	one_load_balancer
	on lb ip link set dev eth0 xdp obj bpf/xdp_ipip.o sec xdp
	on lb bpftool map update pinned /sys/fs/bpf/xdp/globals/load_balancer key 0 0 0 0 value \
		192 168 178 10 0 0 0 0 0 0 0 0 0 0 0 0 \
		1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 \
		0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
	on lb bpftool map update pinned /sys/fs/bpf/xdp/globals/backends key 1 0 0 0 value \
		172 16 0 10 0 0 0 0 0 0 0 0 0 0 0 0 31 64 4 1 1 0 0 0 1 0 0 0
	on lb bpftool map update pinned /sys/fs/bpf/xdp/globals/slots key 0 0 0 0 value 1 0 1 0 0 0 0 0
	on lb bpftool map update pinned /sys/fs/bpf/xdp/globals/destinations key 15 178 0 0 value 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
	on lb bpftool map update pinned /sys/fs/bpf/xdp/globals/services key \
		192 168 178 15 0 0 0 0 0 0 0 0 0 0 0 0 31 64 6 4 value \
		1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
}

teardown_file() {
	scripts/node destroy --all
}

@test "a packet goes to the backend" {
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
}

@test "ip link also finds the program by its name, and the maps keep their contents" {
	on lb ip -force link set dev eth0 xdp obj bpf/xdp_ipip.o program xdp_ipip
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	on lb ip -force link set dev eth0 xdp obj bpf/xdp_ipip.o sec xdp.frags
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
}

@test "a change by hand takes effect within 2.5 seconds, and at once if the counter of changes rises" {
	local service="192 168 178 15 0 0 0 0 0 0 0 0 0 0 0 0 31 64 6 4"
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	# no slots, so no backend
	# shellcheck disable=SC2086 # bytes
	on lb bpftool map update pinned "$MAPS/services" key $service value 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
	wait_for 10 packet 'came()/client()/TCP(dport=8000)' drop no_backend
	# shellcheck disable=SC2086 # bytes
	on lb bpftool map update pinned "$MAPS/services" key $service value 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
	on lb bpftool map update pinned "$MAPS/destinations" key 15 178 0 0 value 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
}

@test "the program also runs in generic mode" {
	on lb ip link set dev eth0 xdp off
	on lb ip link set dev eth0 xdpgeneric obj bpf/xdp_ipip.o sec xdp
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
}

@test "scripts/lb shows the configuration that was typed by hand" {
	run -0 lb service show
	echo "$output"
	[ "${lines[0]}" = "service tcp 192.168.178.15:8000 maglev" ]
	[ "${lines[1]}" = "  backend 172.16.0.10 weight 1 up" ]
}
