#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# All tunnels side by side: xdp_ipip, xdp_gre, xdp_fou and xdp_gue differ in the envelope alone, so one test is for all
# four, and for packets and backends of either family. (xdp_ipip.bats and xdp_ipip6.bats have the rest of the tables.)

load ../lib/helper

KINDS='ipip gre fou gue'

setup_file() {
	one_load_balancer
	speak_ipv6
	lb attach ipip eth0
	lb set address 2001:db8:178::10
	lb set key 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f # KEY of tests/lib/packet.py
	# Port 8000 has a backend with an IPv4 address, port 8600 one with an IPv6 address; both VIPs have both.
	local vip protocol
	for vip in 192.168.178.15 '[2001:db8:178::15]'; do
		for protocol in tcp udp; do
			printf '%s\n' "service $protocol $vip:8000" 'backend 172.16.0.10' "service $protocol $vip:8600" 'backend 2001:db8:16::10'
		done
		# on another interface; behind a smaller MTU
		printf '%s\n' "service tcp $vip:8001" 'backend 172.20.0.20' "service tcp $vip:8601" 'backend 2001:db8:20::20' \
			"service tcp $vip:8005" 'backend 172.16.5.10' "service tcp $vip:8605" 'backend 2001:db8:5::10'
	done | lb restore -
	# which has told the kernel to look for these, and nobody is there to answer
	on lb ip neigh replace 192.168.178.2 dev eth0 lladdr 02:00:00:00:00:02 nud permanent
	on lb ip neigh replace 172.20.0.20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	on lb ip route add 172.16.5.0/24 via 192.168.178.2 mtu lock 1400
	on lb ip route add 2001:db8:5::/64 via 2001:db8:178::2 dev eth0 mtu lock 1400
}

teardown_file() {
	scripts/node destroy --all
}

# use KIND: another program on the same maps.
use() {
	on lb ip -force link set dev eth0 xdp obj "bpf/xdp_$1.o" sec "${2-xdp}"
}

@test "TCP and UDP of either family go to backends of either family, and their TTL is one less" {
	local kind
	for kind in $KINDS; do
		use $kind
		packets <<-END
			came()/client()/TCP(sport=40000,dport=8000,flags="S")/"hello"
			=> tx forwarded leaves()/envelope("$kind",BACKEND,client(ttl=63)/TCP(sport=40000,dport=8000,flags="S")/"hello")
			came()/client6()/TCP(sport=40000,dport=8000,flags="S")/"hello"
			=> tx forwarded leaves()/envelope("$kind",BACKEND,client6(hlim=63)/TCP(sport=40000,dport=8000,flags="S")/"hello")
			came()/client()/TCP(sport=40000,dport=8600,flags="S")/"hello"
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client(ttl=63)/TCP(sport=40000,dport=8600,flags="S")/"hello")
			came()/client6()/TCP(sport=40000,dport=8600,flags="S")/"hello"
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client6(hlim=63)/TCP(sport=40000,dport=8600,flags="S")/"hello")
			came()/client()/UDP(sport=40000,dport=8000)/"odd"
			=> tx forwarded leaves()/envelope("$kind",BACKEND,client(ttl=63)/UDP(sport=40000,dport=8000)/"odd")
			came()/client6()/UDP(sport=40000,dport=8000)/"odd"
			=> tx forwarded leaves()/envelope("$kind",BACKEND,client6(hlim=63)/UDP(sport=40000,dport=8000)/"odd")
			came()/client()/UDP(sport=40000,dport=8600)/"odd"
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client(ttl=63)/UDP(sport=40000,dport=8600)/"odd")
			came()/client6()/UDP(sport=40000,dport=8600)/"odd"
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client6(hlim=63)/UDP(sport=40000,dport=8600)/"odd")
		END
	done
}
