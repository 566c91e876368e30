#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The IPIP lab with IPv6 inside and outside: its own scripts, and real traffic through it.

load ../lib/helper

vip=2001:db8:178::15

setup_file() {
	export FAMILY=6
	set_up_lab ipip
	unset FAMILY # the lab knows
	add_servers 2001:db8:172::10 2001:db8:172::11
}

teardown_file() {
	labs/ipip/teardown.sh
}

@test "setup shows requests being answered, by both backends, and commands ready to be typed" {
	grep -q "Hello from backend-01 (2001:db8:172::10)" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "Hello from backend-02 (2001:db8:172::11)" "$BATS_FILE_TMPDIR/setup.out"
	grep -qF "client# curl -sS --max-time 5 http://[2001:db8:178::15]:8000/" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "^lb# ip addr replace 2001:db8:178::15/128 dev eth0 nodad preferred_lft 0$" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "^backend-01# ip addr replace 2001:db8:178::15/128 dev lo$" "$BATS_FILE_TMPDIR/setup.out"
	run ! grep -E "192\.168\.|arp_|ip_forward" "$BATS_FILE_TMPDIR/setup.out"
}

@test "check.sh finds nothing wrong" {
	run -0 labs/ipip/check.sh
	echo "$output"
	[ "$(grep -c '^ok' <<<"$output")" -eq 17 ]
	grep -q "^ok: nobody in the backends' network answers neighbour discovery for the VIP$" <<<"$output"
	grep -q "^ok: backend-02 sees the client as 2001:db8:10::20$" <<<"$output"
}

@test "check.sh finds a backend that announces the VIP" {
	on backend-02 ip addr add 2001:db8:178::15/128 dev eth0 nodad
	run -1 labs/ipip/check.sh
	on backend-02 ip addr del 2001:db8:178::15/128 dev eth0
	echo "$output"
	grep -qE "^not ok: nobody in the backends' network answers neighbour discovery for the VIP: [0-9a-f:]{17}; scripts/node exec backend-01 ip addr$" <<<"$output"
}

@test "the VIP on a backend's lo does not fail duplicate address detection; on eth0 it would, if somebody has it there" {
	on backend-01 sysctl -qw net.ipv6.conf.all.accept_dad=1 net.ipv6.conf.lo.accept_dad=1
	on backend-01 ip addr del 2001:db8:178::15/128 dev lo
	on backend-01 ip addr add 2001:db8:178::15/128 dev lo
	[ -z "$(on backend-01 ip -6 addr show to 2001:db8:178::15 tentative)" ]
	[ -n "$(on backend-01 ip -6 addr show to 2001:db8:178::15)" ]
	on backend-02 ip addr add 2001:db8:178::99/128 dev eth0 nodad
	on backend-01 ip addr add 2001:db8:178::99/128 dev eth0
	wait_for 10 on backend-01 bash -c 'ip -6 addr show to 2001:db8:178::99 | grep -q dadfailed'
	on backend-01 ip addr del 2001:db8:178::99/128 dev eth0
	on backend-02 ip addr del 2001:db8:178::99/128 dev eth0
}

@test "trace.sh shows the wrapped packet on its way to the backend, and the answer on another way back" {
	run -0 labs/ipip/trace.sh
	echo "$output"
	grep -qE "1 +client +gateway +- +2001:db8:10::20 > 2001:db8:178::15 .* 64$" <<<"$output"
	grep -qE "3 +\*lb +\*gateway +\*2001:db8:178::10 > 2001:db8:172::1[01] +2001:db8:10::20 > 2001:db8:178::15 .* \*64/62$" <<<"$output"
	grep -qE "4 +\*gateway +\*backend-0[12] +2001:db8:178::10 > 2001:db8:172::1[01] .* \*63/62$" <<<"$output"
	grep -qE "2 +\*gateway +\*client +- +2001:db8:178::15 > 2001:db8:10::20 .* \*63$" <<<"$output"
	[ "$(wc -l <<<"$output")" -eq 9 ]
}

@test "1000 requests on 1000 connections are all answered, 40 to 60 % by each backend" {
	answers_1000_requests
}

@test "both web servers saw only the client's own address" {
	log_names 2001:db8:10::20
}

@test "a download of 100 MB has the right checksum" {
	downloads_100_mb
}

@test "an upload of 10 MB has the right checksum" {
	uploads 10000000
}

@test "without smaller segments the client learns the tunnel's MTU from the load balancer" {
	local backend
	for backend in backend-01 backend-02; do
		on $backend ip -6 route replace default via 2001:db8:172::2 dev eth0
	done
	uploads 1000000
	[ "$(lb --json stats | jq '.verdicts[] | select(.name == "too_big_answered").packets')" -gt 0 ]
	on client ip route get $vip | grep -q "mtu 1460"
	on client ip -6 route flush cache
}

@test "1000 datagrams are all answered by the VIP, 40 to 60 % by each of the backends" {
	answers_1000_datagrams
}

@test "a datagram in fragments reaches its backend and is answered" {
	answers_fragmented_datagrams
}

@test "the load balancer's kernel answers a ping to the VIP" {
	on client ping -c 1 -W 2 $vip
}

@test "traceroute sees the load balancer as a hop" {
	run -0 on client /usr/bin/python3 -c '
from scapy.layers.inet6 import IPv6, ICMPv6TimeExceeded, UDP
from scapy.sendrecv import sr1
answer = sr1(IPv6(dst="2001:db8:178::15", hlim=2) / UDP(dport=9000), timeout=3, verbose=0)
print(answer.src, ICMPv6TimeExceeded in answer)'
	[ "$output" = "2001:db8:178::10 True" ]
}

@test "only the load balancer can use the tunnel" {
	run on client /usr/bin/python3 -c '
from scapy.layers.inet6 import IPv6, TCP
from scapy.sendrecv import send
send(IPv6(dst="2001:db8:172::10") / IPv6(src="2001:db8:10::99", dst="2001:db8:178::15") / TCP(dport=8000), verbose=0)'
	wait_for 3 bash -c "[[ \$(scripts/node exec backend-01 scripts/lb --json decap stats | jq '.[] | select(.name == \"source_refused\").packets') -eq 1 ]]"
}

@test "a role script that runs again on its node still knows the family" {
	run -0 on backend-02 labs/ipip/setup.sh
	grep -q "^backend-02# ip addr replace 2001:db8:178::15/128 dev lo$" <<<"$output"
	run -0 on client labs/ipip/setup.sh
	[ "$(grep -c "^Hello from" <<<"$output")" -eq 8 ]
}

@test "after its link was down, the load balancer finds all next hops again by lb refresh" {
	outlives_a_link_flap
}
