#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# xdp_decap, packet by packet: the table in the program's header comment, row by row.

load ../lib/helper

setup_file() {
	one_load_balancer # here the node plays a backend
	on lb ip -force link set dev eth0 xdp obj bpf/xdp_decap.o sec xdp
}

teardown_file() {
	scripts/node destroy --all
}

@test "an empty allow-list denies" {
	packet 'came()/tunnel()/client()/TCP(dport=8000)' drop source_refused
	lb decap add lb 192.168.178.10
	packet 'came()/tunnel()/client()/TCP(dport=8000)' drop destination_refused
	lb decap add host 172.16.0.10
	packet 'came()/tunnel()/client()/TCP(dport=8000)' drop vip_refused
	lb decap add vip 192.168.178.15
	packet 'came()/tunnel()/client()/TCP(dport=8000)' pass decapsulated 'came()/client()/TCP(dport=8000)'
}

@test "an address that was removed is refused within 2.5 seconds" {
	packet 'came()/tunnel()/client()/TCP(dport=8000)' pass decapsulated 'came()/client()/TCP(dport=8000)'
	local role address counter
	while read -r role address counter; do
		lb decap del "$role" "$address"
		wait_for 10 packet 'came()/tunnel()/client()/TCP(dport=8000)' drop "$counter"
		lb decap add "$role" "$address"
		packet 'came()/tunnel()/client()/TCP(dport=8000)' pass decapsulated 'came()/client()/TCP(dport=8000)'
	done <<-END
		lb 192.168.178.10 source_refused
		host 172.16.0.10 destination_refused
		vip 192.168.178.15 vip_refused
	END
}

@test "every kind of packet from a load balancer is unwrapped" {
	packet 'came()/tunnel()/client()/UDP(dport=1)/"odd"' pass decapsulated 'came()/client()/UDP(dport=1)/"odd"'
	packet 'came()/tunnel()/client(src="10.0.0.2")/ICMP(type=11)/quote(client())' pass decapsulated \
		'came()/client(src="10.0.0.2")/ICMP(type=11)/quote(client())'
	packet 'came()/tunnel()/client(flags=0,frag=5,proto=17)/Raw("xyz")' pass decapsulated \
		'came()/client(flags=0,frag=5,proto=17)/Raw("xyz")'
	packet 'came()/tunnel()/client(options=[IPOption_NOP()]*4)/TCP()' pass decapsulated \
		'came()/client(options=[IPOption_NOP()]*4)/TCP()'
}

@test "VLAN tags and padding stay where they are" {
	packet 'came(5)/tunnel()/client()/TCP()' pass decapsulated 'came(5)/client()/TCP()'
	packet 'came(5,6)/tunnel()/client()/TCP()' pass decapsulated 'came(5,6)/client()/TCP()'
	packet 'came()/tunnel()/client()/UDP()/Padding("\x00"*10)' pass decapsulated \
		'came()/client()/UDP()/Padding("\x00"*10)'
}

@test "plain packets pass untouched" {
	packet 'came()/client()/TCP(dport=8000)' pass plain
	packet 'came()/client(ihl=4)/TCP(dport=8000)' pass plain
	packet 'Ether(dst="ff:ff:ff:ff:ff:ff")/ARP()' pass plain
	packet 'came()/IPv6()/TCP()' pass plain
	packet 'came()' pass plain
}

@test "a source that is no load balancer is refused, even if it is the VIP or this host" {
	packet 'came()/tunnel(src="192.168.178.11")/client()/TCP(dport=8000)' drop source_refused
	packet 'came()/tunnel(src=VIP)/client()/TCP(dport=8000)' drop source_refused
	packet 'came()/tunnel(src=BACKEND)/client()/TCP(dport=8000)' drop source_refused
}

@test "a broadcast frame from another source is refused, too" {
	packet 'Ether(src=GATEWAY_MAC,dst="ff:ff:ff:ff:ff:ff")/tunnel(src="8.8.8.8")/client()/TCP()' drop source_refused
}

@test "a destination that is not this host is refused" {
	packet 'came()/tunnel("172.16.0.11")/client()/TCP(dport=8000)' drop destination_refused
	packet 'came()/tunnel(VIP)/client()/TCP(dport=8000)' drop destination_refused
}

@test "an inner destination that is no VIP is refused, so nobody reaches this host or others" {
	packet 'came()/tunnel()/client(dst=BACKEND)/TCP(dport=22)' drop vip_refused
	packet 'came()/tunnel()/client(dst="127.0.0.1")/TCP(dport=22)' drop vip_refused
	packet 'came()/tunnel()/client(dst="8.8.8.8")/UDP(dport=53)' drop vip_refused
}

@test "a tunnel in the tunnel is refused" {
	packet 'came()/tunnel()/client()/IP(dst=VIP)/TCP()' drop nested
	packet 'came()/tunnel()/client()/IPv6()/TCP()' drop nested
	packet 'came()/tunnel()/client()/GRE()/IP()' drop nested
}

@test "fragments of the tunnel are refused" {
	packet 'came()/tunnel(flags="MF")/client()/TCP(dport=8000)' drop outer_fragment
	packet 'came()/tunnel(flags=0,frag=1)/client()/TCP(dport=8000)' drop outer_fragment
}

@test "lengths that disagree are refused, outer and inner" {
	packet 'came()/tunnel(len=61)/client()/TCP(dport=8000)' drop malformed
	packet 'came()/tunnel(len=59)/client()/TCP(dport=8000)' drop malformed
	packet 'came()/tunnel(ihl=4)/client()/TCP(dport=8000)' drop malformed
	packet 'came()/tunnel(options=[IPOption_NOP()]*4)/client()/TCP(dport=8000)' drop malformed
	packet 'came()/tunnel()/client(len=41)/TCP(dport=8000)' drop malformed
	packet 'came()/tunnel()/client(len=39)/TCP(dport=8000)' drop malformed
	packet 'came()/tunnel()/client(ihl=4)/TCP(dport=8000)' drop malformed
	packet 'came()/tunnel()/client(version=6)/TCP(dport=8000)' drop malformed
	packet 'came()/tunnel()/Raw("x"*19)' drop malformed
	packet 'came()/tunnel()' drop malformed
}

@test "a congestion mark of the tunnel is carried over (RFC 6040)" {
	packet 'came()/tunnel(tos=3)/client(tos=2)/TCP()' pass decapsulated 'came()/client(tos=3)/TCP()'
	packet 'came()/tunnel(tos=3)/client(tos=0xb9)/TCP()' pass decapsulated 'came()/client(tos=0xbb)/TCP()'
	packet 'came()/tunnel(tos=3)/client(tos=3)/TCP()' pass decapsulated 'came()/client(tos=3)/TCP()'
	packet 'came()/tunnel(tos=1)/client(tos=2)/TCP()' pass decapsulated 'came()/client(tos=2)/TCP()'
	packet 'came()/tunnel(tos=3)/client(tos=0)/TCP()' drop congested
}
