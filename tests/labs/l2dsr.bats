#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The L2 DSR lab: its own scripts, and real traffic through it.

load ../lib/helper

setup_file() {
	set_up_lab l2dsr
	add_servers 192.168.178.11 192.168.178.12
}

teardown_file() {
	labs/l2dsr/teardown.sh
}

@test "setup shows requests being answered by both backends" {
	grep -q "Hello from backend-01 (192.168.178.11)" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "Hello from backend-02 (192.168.178.12)" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "a shorter way back" "$BATS_FILE_TMPDIR/setup.out"
}

@test "check.sh finds nothing wrong, and shows what the tutorial shows with tcpdump" {
	run -0 labs/l2dsr/check.sh
	echo "$output"
	[ "$(grep -c '^ok' <<<"$output")" -eq 13 ]
	local lb backend gateway
	lb=$(on lb cat /sys/class/net/eth0/address)
	backend=$(on backend-01 cat /sys/class/net/eth0/address)
	gateway=$(on gateway cat /sys/class/net/eth0/address)
	grep -q "^ok: .*: $lb > $backend$" <<<"$output"
	grep -q "^ok: .*: $backend > $gateway$" <<<"$output"
	grep -q "^ok: .*192.168.178.15 is at $lb$" <<<"$output"
}

@test "check.sh notices a backend that announces the VIP" {
	on backend-02 sysctl -qw net.ipv4.conf.eth0.arp_ignore=0
	run -1 labs/l2dsr/check.sh
	on backend-02 sysctl -qw net.ipv4.conf.eth0.arp_ignore=1
	# the gateway may have believed backend-02
	on gateway ip neigh replace 192.168.178.15 lladdr "$(on lb cat /sys/class/net/eth0/address)" dev eth0
	echo "$output"
	grep -q "^not ok: and nobody else answers ARP for it: .*arp_ignore" <<<"$output"
	labs/l2dsr/check.sh
}

@test "trace.sh shows that MAC addresses change at the load balancer, and nothing else" {
	run -0 labs/l2dsr/trace.sh
	echo "$output"
	grep -qE "^ 3 +\*lb +\*backend-0[12] +- +10.0.0.20 > 192.168.178.15 +[0-9]+ > 8000 +63$" <<<"$output"
	grep -qE "^ 1 +backend-0[12] +gateway +- +192.168.178.15 > 10.0.0.20 " <<<"$output"
	[ "$(wc -l <<<"$output")" -eq 8 ]
}

@test "1000 requests on 1000 connections are all answered, 40 to 60 % by each backend" {
	answers_1000_requests
}

@test "both web servers saw only the client's own address" {
	log_names 10.0.0.20
}

@test "a download of 100 MB has the right checksum" {
	downloads_100_mb
}

@test "an upload of 10 MB has the right checksum" {
	uploads 10000000
}

@test "1000 datagrams from 1000 ports are answered from the VIP, by both backends" {
	answers_1000_datagrams
}

@test "datagrams in fragments reach their backend and are answered" {
	answers_fragmented_datagrams
}

@test "in the last task a backend behind a router would make a loop, and the program drops those packets" {
	# the commands of labs/l2dsr/README.md
	scripts/node create backend-03 eth0=far:172.16.0.10/24 via 172.16.0.2
	on backend-03 labs/l2dsr/backend.sh
	lb backend add tcp 192.168.178.15:8000 172.16.0.10
	local before good=0
	before=$(lb --json stats | jq '.verdicts[] | select(.name == "forwarded").packets')
	for _ in {1..30}; do
		! on client curl -s -o /dev/null --max-time 0.3 http://192.168.178.15:8000/ || good=$((good + 1))
	done
	echo "$good of 30 answered; $(on gateway ip neigh show 192.168.178.15)"
	[ $good -lt 30 ]
	[ $good -gt 0 ]
	[ "$(lb --json stats | jq '.verdicts[] | select(.name == "loop").packets')" -gt 0 ]
	# nothing went round in circles: a dozen packets for each request that was answered
	[ $(($(lb --json stats | jq '.verdicts[] | select(.name == "forwarded").packets') - before)) -le $((12 * good)) ]
	lb backend del tcp 192.168.178.15:8000 172.16.0.10
	scripts/node destroy backend-03
}

@test "running setup twice gives the same lab" {
	labs/l2dsr/setup.sh >/dev/null
	labs/l2dsr/check.sh
}

@test "a single role script can run again on its node" {
	on lb labs/l2dsr/setup.sh | grep -q "^lb# ip -force link set dev eth0 xdp obj bpf/xdp_l2dsr.o sec xdp$"
	on backend-01 labs/l2dsr/setup.sh
	labs/l2dsr/check.sh
}

@test "after its link was down, the load balancer finds all next hops again by lb refresh" {
	outlives_a_link_flap
}

@test "with FAMILY=6, the lab does what it says" {
	FAMILY=6 run -0 labs/l2dsr/setup.sh
	[ "$(grep -c "^Hello from backend-0[12] (2001:db8:178::1[12])" <<<"$output")" -eq 8 ]
	run -0 labs/l2dsr/check.sh
	[ "$(grep -c '^ok' <<<"$output")" -eq 13 ]
	grep -q "^ok: and nobody else answers neighbour discovery for it$" <<<"$output"
	run -0 labs/l2dsr/trace.sh
	grep -qE "^ 3 +\*lb +\*backend-0[12] +- +2001:db8:10::20 > 2001:db8:178::15 .* 63$" <<<"$output"
}
