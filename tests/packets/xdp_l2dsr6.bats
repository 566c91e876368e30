#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# xdp_l2dsr with IPv6, row by row, as xdp_l2dsr.bats does it for IPv4. A backend's address only says where to find its
# MAC address: it may be of either family, whatever the VIP's is.

load ../lib/helper

VIP6=2001:db8:178::15

setup_file() {
	one_load_balancer
	speak_ipv6
	on lb ip neigh replace 2001:db8:178::11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb ip route add unreachable 2001:db8:30::/64
	lb attach l2dsr eth0
	lb restore - <<-END
		$(tcp_and_udp "[$VIP6]:8000" 2001:db8:178::11)
		# An IPv4 address for an IPv6 VIP, and the other way.
		$(tcp_and_udp "[$VIP6]:8400" 192.168.178.11)
		service tcp 192.168.178.15:8600
		backend 2001:db8:178::11
		# A service whose backend is on another interface, one without, and backends that cannot be reached.
		$(tcp_and_udp "[$VIP6]:8001" 2001:db8:20::20)
		service tcp [$VIP6]:8002
		$(tcp_and_udp "[$VIP6]:8003" 2001:db8:30::1)
		$(tcp_and_udp "[$VIP6]:8004" 2001:db8:20::99)
		# A backend behind the gateway.
		$(tcp_and_udp "[$VIP6]:8005" 2001:db8:16::10)
	END
}

teardown_file() {
	scripts/node destroy --all
}

# The way to the backend.
to_backend='Ether(src=LB_MAC,dst="02:00:00:00:00:11")'

@test "TCP and UDP go to the backend, and only the MAC addresses change" {
	packets <<-END
		came()/client6()/TCP(sport=40000,dport=8000,flags="S")/"hello" => tx forwarded $to_backend/client6()/TCP(sport=40000,dport=8000,flags="S")/"hello"
		came()/client6(hlim=1,tc=3)/UDP(dport=8000)/"x"/Padding("\xaa"*9) => tx forwarded $to_backend/client6(hlim=1,tc=3)/UDP(dport=8000)/"x"/Padding("\xaa"*9)
		came()/client6()/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/TCP(dport=8000) => tx forwarded $to_backend/client6()/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/TCP(dport=8000)
		came()/client6()/TCP(dport=8400) => tx forwarded $to_backend/client6()/TCP(dport=8400)
		came()/client()/TCP(dport=8600) => tx forwarded $to_backend/client()/TCP(dport=8600)
		came()/client6()/TCP(dport=8000)/("x"*1440) => tx forwarded $to_backend/client6()/TCP(dport=8000)/("x"*1440)
	END
}

@test "a packet above the MTU of the backend's interface is answered" {
	local long='client6()/TCP(dport=8001)/("x"*1341)'
	on lb ip link set eth1 mtu 1400
	packets <<-END
		came()/$long => tx too_big_answered leaves()/IPv6(src=VIP6,dst=CLIENT6,hlim=64)/ICMPv6PacketTooBig(mtu=1400)/quote6($long)
		came(3)/$long => tx too_big_answered leaves(3)/IPv6(src=VIP6,dst=CLIENT6,hlim=64)/ICMPv6PacketTooBig(mtu=1400)/quote6($long)
		came()/client6()/TCP(dport=8001)/("x"*1340) => redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/client6()/TCP(dport=8001)/("x"*1340)
	END
	on lb ip link set eth1 mtu 1500
}

@test "VLAN tags go: the way to the backend leads through no VLAN device" {
	packets <<-END
		came(100)/client6()/TCP(dport=8000) => tx forwarded $to_backend/client6()/TCP(dport=8000)
		came(100,200)/client6()/TCP(dport=8000) => tx forwarded $to_backend/client6()/TCP(dport=8000)
		came(100,200)/client6()/TCP(dport=8001) => redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/client6()/TCP(dport=8001)
	END
}

@test "a packet that would go back to where it came from is dropped as a loop" {
	packets <<-END
		came()/client6()/TCP(dport=8005) => drop loop
		Ether(src="02:00:00:00:00:11",dst=LB_MAC)/client6()/TCP(dport=8000) => drop loop
		Ether(src=LB_MAC,dst="02:00:00:00:00:11")/client6()/TCP(dport=8000) => drop loop
	END
}

@test "what is not for a service passes untouched" {
	packets <<-END
		came()/client6()/TCP(dport=22) => pass not_ours
		came()/client6(dst=LB6)/TCP(dport=8000) => pass not_ours
		came()/client6(src=VIP6,dst=CLIENT6)/TCP(sport=8000,dport=40000) => pass not_ours
		came()/client6()/ICMPv6EchoRequest()/"ping" => pass not_ours
		came()/client6()/ICMPv6ND_NS(tgt=VIP6) => pass not_ours
		came()/client6(dst=LB6)/IPv6ExtHdrFragment(offset=3,nh=17)/Raw("x"*16) => pass not_ours
	END
}

@test "lengths that disagree, and ports that cannot be read, are dropped when they are for a VIP" {
	packets <<-END
		came()/client6(plen=21)/TCP(dport=8000) => drop malformed
		came()/client6()/TCP(dport=8000,dataofs=4) => drop malformed
		came()/client6(dst=LB6,plen=21)/TCP(dport=8000) => pass not_ours
		came()/client6()/IPv6ExtHdrRouting(segleft=1,addresses=["2001:db8::1"])/TCP(dport=8000) => drop unreadable
		came()/client6(dst=LB6)/IPv6ExtHdrRouting(segleft=1,addresses=["2001:db8::1"])/TCP(dport=8000) => pass not_ours
	END
}

@test "fragments follow their first one" {
	packets <<-END
		came()/client6()/IPv6ExtHdrFragment(m=1,id=77)/UDP(sport=40000,dport=8000,len=1000)/("x"*16)
		=> tx forwarded $to_backend/client6()/IPv6ExtHdrFragment(m=1,id=77)/UDP(sport=40000,dport=8000,len=1000)/("x"*16)
		came()/client6()/IPv6ExtHdrFragment(offset=3,id=77,nh=17)/Raw("y"*16)
		=> tx forwarded $to_backend/client6()/IPv6ExtHdrFragment(offset=3,id=77,nh=17)/Raw("y"*16)
		came()/client6()/IPv6ExtHdrFragment(offset=3,id=78,nh=17)/Raw("y"*16) => drop fragment_unknown
	END
}

@test "an ICMPv6 error about a connection goes to the backend that has it" {
	packets <<-END
		came()/client6(src="2001:db8::2")/ICMPv6PacketTooBig(mtu=1400)/quote6(client6(src=VIP6,dst=CLIENT6)/TCP(sport=8000,dport=40000))
		=> tx forwarded $to_backend/client6(src="2001:db8::2")/ICMPv6PacketTooBig(mtu=1400)/quote6(client6(src=VIP6,dst=CLIENT6)/TCP(sport=8000,dport=40000))
	END
}

@test "a packet without a backend, a route or a MAC address is dropped, each with its own counter" {
	packets <<-END
		came()/client6()/TCP(dport=8002) => drop no_backend
		came()/client6()/TCP(dport=8003) => drop no_route
		came()/client6()/TCP(dport=8004) => drop no_neighbour
	END
}

@test "a health check goes to the backend that its port means, and its answer to the one who checks" {
	lb set address 2001:db8:178::10
	lb attach l2dsr eth1
	probes_come_from eth1
	on lb bpftool map update pinned "$MAPS/probes" key 0 0 0 0 value "$(listed_id 2001:db8:178::11)" 0 0 0
	packets eth1 <<-END
		came()/client6(src=LB6)/TCP(sport=61002,dport=8000,flags="S")
		=> redirect probe $to_backend/client6(src=LB6)/TCP(sport=61002,dport=8000,flags="S")
		came()/client6(src=LB6)/TCP(sport=61004,dport=8000) => drop no_backend
	END
	packet 'came()/client6(src=VIP6,dst=LB6)/TCP(sport=8000,dport=61000)' redirect probe_answer \
		'to_prober()/client6(src=VIP6,dst=LB6)/TCP(sport=8000,dport=61000)'
}
