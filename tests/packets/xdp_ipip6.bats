#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# xdp_ipip with IPv6: VIPs and backends of either family. Row by row, as xdp_ipip.bats does it for IPv4.

load ../lib/helper

VIP6=2001:db8:178::15

setup_file() {
	one_load_balancer
	speak_ipv6
	lb attach ipip eth0
	lb set address 2001:db8:178::10
	on lb ip route add unreachable 2001:db8:30::/64
	on lb ip route add 2001:db8:5::/64 via 2001:db8:178::2 dev eth0 mtu lock 1400
	on lb ip route add 2001:db8:6::/64 via 2001:db8:178::2 dev eth0 mtu lock 1300
	on lb ip neigh replace 2001:db8:20::99 dev eth1 nud permanent lladdr 02:00:00:00:01:99
	lb restore - <<-END
		# 6in6, 6in4, 4in6
		$(tcp_and_udp "[$VIP6]:8000" 2001:db8:16::10)
		$(tcp_and_udp "[$VIP6]:8400" 172.16.0.10)
		service tcp 192.168.178.15:8600
		backend 2001:db8:16::10
		# A service whose backend is on another interface, and one without any backend.
		$(tcp_and_udp "[$VIP6]:8001" 2001:db8:20::20)
		service tcp [$VIP6]:8002
		# Backends that cannot be reached: no route, and nobody at home.
		$(tcp_and_udp "[$VIP6]:8003" 2001:db8:30::1)
		$(tcp_and_udp "[$VIP6]:8004" 2001:db8:20::99)
		# Backends behind routes with smaller MTUs.
		$(tcp_and_udp "[$VIP6]:8005" 2001:db8:5::10)
		$(tcp_and_udp "[$VIP6]:8006" 2001:db8:6::10)
	END
	on lb ip neigh del 2001:db8:20::99 dev eth1
}

teardown_file() {
	scripts/node destroy --all
}

@test "6in6: TCP and UDP are wrapped for the backend, and the hop limit is one less" {
	packets <<-END
		came()/client6()/TCP(sport=40000,dport=8000,flags="S")/"hello"
		=> tx forwarded leaves()/tunnel6()/client6(hlim=63)/TCP(sport=40000,dport=8000,flags="S")/"hello"
		came()/client6()/UDP(sport=40000,dport=8000)/"odd"
		=> tx forwarded leaves()/tunnel6()/client6(hlim=63)/UDP(sport=40000,dport=8000)/"odd"
	END
}

@test "6in4: an IPv6 packet in an IPv4 envelope" {
	packets <<-END
		came()/client6()/TCP(sport=40000,dport=8400,flags="S")/"hello"
		=> tx forwarded leaves()/tunnel(proto=41)/client6(hlim=63)/TCP(sport=40000,dport=8400,flags="S")/"hello"
		came()/client6()/UDP(sport=40000,dport=8400)/"odd"
		=> tx forwarded leaves()/tunnel(proto=41)/client6(hlim=63)/UDP(sport=40000,dport=8400)/"odd"
	END
}

@test "4in6: an IPv4 packet in an IPv6 envelope" {
	packets <<-END
		came()/client()/TCP(sport=40000,dport=8600,flags="S")/"hello"
		=> tx forwarded leaves()/tunnel6()/client(ttl=63)/TCP(sport=40000,dport=8600,flags="S")/"hello"
		came()/client(flags="MF",id=77)/TCP(sport=40000,dport=8600)/("x"*16)
		=> tx forwarded leaves()/tunnel6()/client(flags="MF",id=77,ttl=63)/TCP(sport=40000,dport=8600)/("x"*16)
		came()/client(flags="MF",frag=3,id=77,proto=6)/Raw("y"*16)
		=> tx forwarded leaves()/tunnel6()/client(flags="MF",frag=3,id=77,ttl=63,proto=6)/Raw("y"*16)
	END
}

@test "DSCP, ECN and the flow label: the outer header has the first two, the inner one keeps all" {
	packets <<-END
		came()/client6(tc=0xb9)/TCP(dport=8000)
		=> tx forwarded leaves()/tunnel6(tc=0xb9)/client6(tc=0xb9,hlim=63)/TCP(dport=8000)
		came()/client6(tc=0xb9)/TCP(dport=8400)
		=> tx forwarded leaves()/tunnel(proto=41,tos=0xb9)/client6(tc=0xb9,hlim=63)/TCP(dport=8400)
		came()/client(tos=0xb9)/TCP(dport=8600)
		=> tx forwarded leaves()/tunnel6(tc=0xb9)/client(tos=0xb9,ttl=63)/TCP(dport=8600)
	END
}

@test "VLAN tags go, and the EtherType is that of the envelope" {
	packets <<-END
		came(100)/client6()/TCP(dport=8000) => tx forwarded leaves()/tunnel6()/client6(hlim=63)/TCP(dport=8000)
		came(100)/client6()/TCP(dport=8400) => tx forwarded leaves()/tunnel(proto=41)/client6(hlim=63)/TCP(dport=8400)
		came(1,2)/client6()/TCP(dport=8400) => tx forwarded leaves()/tunnel(proto=41)/client6(hlim=63)/TCP(dport=8400)
		came(1,2)/client()/TCP(dport=8600) => tx forwarded leaves()/tunnel6()/client(ttl=63)/TCP(dport=8600)
		came(7)/client6()/TCP(dport=8001)
		=> redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/tunnel6("2001:db8:20::20",src=LB6)/client6(hlim=63)/TCP(dport=8001)
	END
}

@test "padding of a short frame is not part of the packet" {
	packet 'came()/client6()/UDP(sport=40000,dport=8000)/Padding("\xaa"*17)' tx forwarded \
		'leaves()/tunnel6()/client6(hlim=63)/UDP(sport=40000,dport=8000)/Padding("\xaa"*17)'
}

@test "extension headers are walked, and stay on the inner packet" {
	local headers
	for headers in 'IPv6ExtHdrHopByHop(options=[PadN(optdata="\x00"*4)])' 'IPv6ExtHdrDestOpt(options=[PadN(optdata="\x00"*12)])' \
		'IPv6ExtHdrRouting(segleft=0,addresses=["2001:db8::1"])' 'IPv6ExtHdrFragment(offset=0,m=0,id=7)' \
		'IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/IPv6ExtHdrRouting(segleft=0)/IPv6ExtHdrFragment(id=7)/IPv6ExtHdrDestOpt()' \
		'IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()'; do
		packet "came()/client6()/$headers/TCP(sport=40000,dport=8000)/'x'" tx forwarded \
			"leaves()/tunnel6()/client6(hlim=63)/$headers/TCP(sport=40000,dport=8000)/'x'"
		packet "came()/client6()/$headers/UDP(sport=40000,dport=8400)" tx forwarded \
			"leaves()/tunnel(proto=41)/client6(hlim=63)/$headers/UDP(sport=40000,dport=8400)"
	done
}

@test "ports behind too many headers cannot be read: dropped if for a VIP, else untouched" {
	local nine
	nine='IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()'
	packets <<-END
		came()/client6()/$nine/TCP(dport=8000) => drop unreadable
		came()/client6(dst=LB6)/$nine/TCP(dport=8000) => pass not_ours
		came()/client6()/IPv6ExtHdrRouting(segleft=1,addresses=["2001:db8::1"])/TCP(dport=8000) => drop unreadable
		came()/client6(dst=LB6)/IPv6ExtHdrRouting(segleft=1,addresses=["2001:db8::1"])/TCP(dport=8000) => pass not_ours
		came()/client6()/IPv6ExtHdrDestOpt(options=[PadN(optdata="\x00"*250)]*5)/IPv6ExtHdrDestOpt()/TCP(dport=8000) => drop unreadable
	END
}

@test "what is not for a service passes untouched" {
	packets <<-END
		came()/client6()/TCP(dport=22) => pass not_ours
		came()/client6(dst=LB6)/TCP(dport=8000) => pass not_ours
		came()/client6(src=VIP6,dst=CLIENT6)/TCP(sport=8000,dport=40000) => pass not_ours
		came()/client6()/GRE() => pass not_ours
		came()/client6(nh=132)/Raw("SCTP, say") => pass not_ours
		came()/client6(nh=59) => pass not_ours
		came()/client6(nh=50)/Raw("x"*16) => pass not_ours
		came()/client6()/IPv6ExtHdrDestOpt()/TCP(dport=22) => pass not_ours
		came()/client6()/ICMPv6EchoRequest()/"ping" => pass not_ours
		came()/client6()/ICMPv6ND_NS(tgt=VIP6) => pass not_ours
		Ether(src=GATEWAY_MAC,dst="33:33:ff:00:00:15")/IPv6(src="fe80::2",dst="ff02::1:ff00:15")/ICMPv6ND_NS(tgt=VIP6) => pass not_ours
		Ether(src=GATEWAY_MAC,dst="33:33:00:00:00:01")/client6()/TCP(dport=8000) => pass not_ours
		came()/Raw(bytes(client6()/TCP(dport=8000))[:39]) => pass not_ours
		came()/client6(dst="2001:db8:179::15")/TCP(dport=8000) => pass not_ours
	END
}

@test "lengths that disagree are dropped when they are for a VIP, and left to the kernel when not" {
	packets <<-END
		came()/client6(plen=21)/TCP(dport=8000) => drop malformed
		came()/client6(plen=19)/TCP(dport=8000) => drop malformed
		came()/client6(plen=0)/TCP(dport=8000) => drop malformed
		came()/client6(plen=65535)/TCP(dport=8000) => drop malformed
		came()/client6(version=4)/TCP(dport=8000) => drop malformed
		came()/client6()/TCP(dport=8000,dataofs=4) => drop malformed
		came()/client6()/TCP(dport=8000,dataofs=6) => drop malformed
		came()/client6()/UDP(dport=8000,len=7) => drop malformed
		came()/client6()/UDP(dport=8000,len=9) => drop malformed
		came()/client6(nh=17)/Raw("\x00"*7) => drop malformed
		came()/client6()/IPv6ExtHdrDestOpt(len=9)/TCP(dport=8000) => drop malformed
		came()/client6(nh=60)/Raw("\x06") => drop malformed
		came()/client6(nh=44)/Raw("\x06\x00\x00\x00") => drop malformed
		came()/client6(dst=LB6,plen=21)/TCP(dport=8000) => pass not_ours
		came()/client6(dst=LB6)/IPv6ExtHdrDestOpt(len=9)/TCP(dport=8000) => pass not_ours
	END
}

@test "later fragments follow their first one, whatever their header says is next" {
	packets <<-END
		came()/client6()/IPv6ExtHdrFragment(m=1,id=77)/UDP(sport=40000,dport=8000,len=1000)/("x"*16)
		=> tx forwarded leaves()/tunnel6()/client6(hlim=63)/IPv6ExtHdrFragment(m=1,id=77)/UDP(sport=40000,dport=8000,len=1000)/("x"*16)
		came()/client6()/IPv6ExtHdrFragment(m=1,offset=3,id=77,nh=17)/Raw("y"*16)
		=> tx forwarded leaves()/tunnel6()/client6(hlim=63)/IPv6ExtHdrFragment(m=1,offset=3,id=77,nh=17)/Raw("y"*16)
		came()/client6()/IPv6ExtHdrDestOpt()/IPv6ExtHdrFragment(m=0,offset=5,id=77,nh=60)/Raw("z"*3)
		=> tx forwarded leaves()/tunnel6()/client6(hlim=63)/IPv6ExtHdrDestOpt()/IPv6ExtHdrFragment(m=0,offset=5,id=77,nh=60)/Raw("z"*3)
		came()/client6()/IPv6ExtHdrFragment(m=1,id=0x10077)/UDP(sport=40000,dport=8400,len=1000)/("x"*16)
		=> tx forwarded leaves()/tunnel(proto=41)/client6(hlim=63)/IPv6ExtHdrFragment(m=1,id=0x10077)/UDP(sport=40000,dport=8400,len=1000)/("x"*16)
		came()/client6()/IPv6ExtHdrFragment(m=0,offset=3,id=0x10077,nh=17)/Raw("y"*16)
		=> tx forwarded leaves()/tunnel(proto=41)/client6(hlim=63)/IPv6ExtHdrFragment(m=0,offset=3,id=0x10077,nh=17)/Raw("y"*16)
	END
}

@test "a later fragment whose first one was not seen is dropped" {
	packets <<-END
		came()/client6()/IPv6ExtHdrFragment(m=0,offset=3,id=78,nh=17)/Raw("z"*3) => drop fragment_unknown
		came()/client6(src="2001:db8:10::21")/IPv6ExtHdrFragment(m=0,offset=3,id=77,nh=17)/Raw("z"*3) => drop fragment_unknown
		came()/client6(dst=LB6)/IPv6ExtHdrFragment(m=0,offset=3,id=78,nh=17)/Raw("z"*3) => pass not_ours
	END
}

@test "fragments of a long ping or of a packet for no service go to the kernel, too" {
	packets <<-END
		came()/client6()/IPv6ExtHdrFragment(m=1,id=903)/ICMPv6EchoRequest()/("x"*16) => pass not_ours
		came()/client6()/IPv6ExtHdrFragment(m=0,offset=3,id=903,nh=58)/Raw("y"*16) => pass not_ours
		came()/client6()/IPv6ExtHdrFragment(m=1,id=904)/UDP(dport=22,len=1000)/("x"*16) => pass not_ours
		came()/client6()/IPv6ExtHdrFragment(m=0,offset=3,id=904,nh=17)/Raw("y"*16) => pass not_ours
	END
}

# What the VIP has sent, as errors quote it.
SENT='client6(src=VIP6,dst=CLIENT6,fl=0)'

@test "an ICMPv6 error about a connection goes to the backend that has it" {
	local kind
	for kind in 'ICMPv6DestUnreach(code=1)' 'ICMPv6PacketTooBig(mtu=1400)' 'ICMPv6TimeExceeded()' 'ICMPv6ParamProblem()'; do
		packets <<-END
			came()/client6(src="2001:db8::2")/$kind/quote6($SENT/TCP(sport=8000,dport=40000)/("x"*300))
			=> tx forwarded leaves()/tunnel6()/client6(src="2001:db8::2",hlim=63)/$kind/quote6($SENT/TCP(sport=8000,dport=40000)/("x"*300))
			came()/client6(src="2001:db8::2")/$kind/quote6($SENT/UDP(sport=8400,dport=40000))
			=> tx forwarded leaves()/tunnel(proto=41)/client6(src="2001:db8::2",hlim=63)/$kind/quote6($SENT/UDP(sport=8400,dport=40000))
		END
	done
}

@test "an ICMPv6 error may quote a packet with extension headers, and have some itself" {
	packets <<-END
		came()/client6(src="2001:db8::2")/ICMPv6TimeExceeded()/quote6($SENT/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/UDP(sport=8000,dport=40000))
		=> tx forwarded leaves()/tunnel6()/client6(src="2001:db8::2",hlim=63)/ICMPv6TimeExceeded()/quote6($SENT/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/UDP(sport=8000,dport=40000))
		came()/client6(src="2001:db8::2")/IPv6ExtHdrDestOpt()/ICMPv6TimeExceeded()/quote6($SENT/UDP(sport=8000,dport=40000))
		=> tx forwarded leaves()/tunnel6()/client6(src="2001:db8::2",hlim=63)/IPv6ExtHdrDestOpt()/ICMPv6TimeExceeded()/quote6($SENT/UDP(sport=8000,dport=40000))
	END
}

@test "an ICMPv6 error about something else is left to the kernel" {
	packets <<-END
		came()/client6()/ICMPv6DestUnreach()/quote6($SENT/TCP(sport=22,dport=40000)) => pass not_ours
		came()/client6()/ICMPv6DestUnreach()/quote6(client6(src=LB6,dst=CLIENT6)/TCP(sport=8000,dport=40000)) => pass not_ours
		came()/client6()/ICMPv6DestUnreach()/Raw(bytes($SENT/TCP(sport=8000,dport=40000))[:47]) => pass not_ours
		came()/client6()/ICMPv6DestUnreach()/quote6($SENT/IPv6ExtHdrFragment(offset=3,nh=6)/Raw("x"*20)) => pass not_ours
		came()/client6()/ICMPv6DestUnreach()/quote6($SENT/ICMPv6EchoReply()) => pass not_ours
		came()/client6()/ICMPv6EchoReply()/quote6($SENT/TCP(sport=8000,dport=40000)) => pass not_ours
	END
}

@test "no backend, no route, no neighbour: dropped, each with its own counter" {
	packets <<-END
		came()/client6()/TCP(dport=8002) => drop no_backend
		came()/client6()/TCP(dport=8003) => drop no_route
		came()/client6()/TCP(dport=8004) => drop no_neighbour
	END
}

@test "forwarding of IPv6 is off" {
	{ lb save && tcp_and_udp "[$VIP6]:8007" 2001:db8:16::66; } | lb restore - # a next hop that is not cached yet
	on lb sysctl -qw net.ipv6.conf.all.forwarding=0
	run packet 'came()/client6()/TCP(dport=8007)' drop forwarding_off
	on lb sysctl -qw net.ipv6.conf.all.forwarding=1
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "without an IPv6 address of its own the load balancer sends no IPv6 envelope, and still IPv4 ones" {
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/load_balancer" key 0 0 0 0 \
		value $(. maps/all.sh && load_balancer 192.168.178.10 "$(random_hash_key)" 0 0)
	run packets <<-END
		came()/client6()/TCP(dport=8000) => drop no_address
		came()/client()/TCP(dport=8600) => drop no_address
		came()/client6()/TCP(dport=8400) => tx forwarded leaves()/tunnel(proto=41)/client6(hlim=63)/TCP(dport=8400)
		came()/client6(hlim=1)/TCP(dport=8400) => drop ttl_expired
	END
	lb set address 2001:db8:178::10
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "hop limit 1 is answered with time exceeded from the load balancer's address" {
	local long='client6(hlim=1)/TCP(sport=40000,dport=8000)/("x"*1400)' odd='client6(hlim=0)/UDP(dport=8400)/"odd"'
	packets <<-END
		came()/$odd => tx ttl_answered leaves()/IPv6(src=LB6,dst=CLIENT6,hlim=64)/ICMPv6TimeExceeded()/quote6($odd)
		came(5)/$odd => tx ttl_answered leaves(5)/IPv6(src=LB6,dst=CLIENT6,hlim=64)/ICMPv6TimeExceeded()/quote6($odd)
		came(5,6)/$long => tx ttl_answered leaves(5,6)/IPv6(src=LB6,dst=CLIENT6,hlim=64)/ICMPv6TimeExceeded()/quote6($long)
		came()/client(ttl=1)/TCP(dport=8600)
		=> tx ttl_answered leaves()/IP(src=LB,dst=CLIENT,id=0,ttl=64)/ICMP(type=11,code=0)/quote(client(ttl=1)/TCP(dport=8600))
		came()/client6(src="2001:db8::2",hlim=1)/ICMPv6TimeExceeded()/quote6($SENT/TCP(sport=8000,dport=40000)) => drop ttl_expired
	END
}

@test "a source address that is no single host gets no ICMPv6 error" {
	local source
	for source in :: ::1 ff02::1 ff0e::1 2001:db8:178::15 2001:db8:178::10; do
		packet "came()/client6(src='$source',hlim=1)/UDP(dport=8000)" drop ttl_expired
	done
	packet 'came()/client6(src="ff02::1")/TCP(dport=8000)/("x"*1401)' drop too_big
}

@test "the largest packet goes through; one byte more is answered with packet too big from the VIP" {
	local six='client6()/TCP(dport=8000)/("x"*1401)' four='client6()/TCP(dport=8400)/("x"*1421)'
	packets <<-END
		came()/client6()/TCP(dport=8000)/("x"*1400) => tx forwarded leaves()/tunnel6()/client6(hlim=63)/TCP(dport=8000)/("x"*1400)
		came()/$six => tx too_big_answered leaves()/IPv6(src=VIP6,dst=CLIENT6,hlim=64)/ICMPv6PacketTooBig(mtu=1460)/quote6($six)
		came()/client6()/TCP(dport=8400)/("x"*1420) => tx forwarded leaves()/tunnel(proto=41)/client6(hlim=63)/TCP(dport=8400)/("x"*1420)
		came()/$four => tx too_big_answered leaves()/IPv6(src=VIP6,dst=CLIENT6,hlim=64)/ICMPv6PacketTooBig(mtu=1480)/quote6($four)
		came()/client()/TCP(dport=8600)/("x"*1420) => tx forwarded leaves()/tunnel6()/client(ttl=63)/TCP(dport=8600)/("x"*1420)
		came()/client()/TCP(dport=8600)/("x"*1421)
		=> tx too_big_answered leaves()/IP(src=VIP,dst=CLIENT,id=0,ttl=64)/ICMP(type=3,code=4,nexthopmtu=1460)/quote(client()/TCP(dport=8600)/("x"*1421))
		came()/client(flags=0)/TCP(dport=8600)/("x"*1421) => drop too_big
	END
}

@test "a route's smaller MTU counts; below 1280 bytes a sender cannot be asked for less" {
	local long='client6()/TCP(dport=8005)/("x"*1301)' longer='client6()/TCP(dport=8006)/("x"*1221)'
	packets <<-END
		came()/client6()/TCP(dport=8005)/("x"*1300) => tx forwarded leaves()/tunnel6("2001:db8:5::10")/client6(hlim=63)/TCP(dport=8005)/("x"*1300)
		came()/$long => tx too_big_answered leaves()/IPv6(src=VIP6,dst=CLIENT6,hlim=64)/ICMPv6PacketTooBig(mtu=1360)/quote6($long)
		came()/$longer => tx too_big_answered leaves()/IPv6(src=VIP6,dst=CLIENT6,hlim=64)/ICMPv6PacketTooBig(mtu=1280)/quote6($longer)
		came()/client6()/TCP(dport=8006)/("x"*1220) => drop too_big
	END
}

@test "ICMPv6 errors have the same budget as ICMP's" {
	local program map long='client6()/TCP(dport=8000)/("x"*1401)'
	program=$(on lb ip -j -d link show dev eth0 | jq '.[0].xdp.prog.id')
	for map in $(on lb bpftool -j prog show id "$program" | jq '.map_ids[]'); do
		[ "$(on lb bpftool -j map show id "$map" | jq -r .name)" != icmp_budgets ] || break
	done
	# struct icmp_budget, on every CPU: a period that ends in ages, and 99 errors sent
	on lb bpftool map update id "$map" key 0 0 0 0 value 0 0 0 0 0 0 0 127 99 0 0 0 0 0 0 0
	packet "came()/$long" tx too_big_answered \
		"leaves()/IPv6(src=VIP6,dst=CLIENT6,hlim=64)/ICMPv6PacketTooBig(mtu=1460)/quote6($long)"
	on lb bpftool map update id "$map" key 0 0 0 0 value 0 0 0 0 0 0 0 127 100 0 0 0 0 0 0 0
	packets <<-END
		came()/$long => drop icmp_limited
		came()/client6(hlim=1)/UDP(dport=8000) => drop icmp_limited
	END
	on lb bpftool map update id "$map" key 0 0 0 0 value 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
}

@test "a health check goes to the backend that its port means, and its answer to the one who checks" {
	local id
	id=$(listed_id 2001:db8:16::10)
	probes_come_from eth1
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/probes" key 3 0 0 0 value $(. maps/all.sh && u32 "$id")
	packets eth0 <<-END
		came()/client6(src=VIP6,dst=LB6)/TCP(sport=8000,dport=61000,flags="SA")
		=> redirect probe_answer to_prober()/client6(src=VIP6,dst=LB6)/TCP(sport=8000,dport=61000,flags="SA")
		came(7)/client6(src=VIP6,dst=LB6)/UDP(sport=8000,dport=65095)/"x"
		=> redirect probe_answer to_prober()/client6(src=VIP6,dst=LB6)/UDP(sport=8000,dport=65095)/"x"
		came()/client6(src=VIP6,dst=LB6)/TCP(sport=8000,dport=60999) => pass not_ours
		came()/client6(dst=LB6)/TCP(sport=8000,dport=61000) => pass not_ours
	END
}

@test "the outer source's last bits come from the flow, and its first ones stay" {
	local sources
	lb set source 2001:db8:99::/112
	lb set source 10.99.0.0/24
	sources=$(on lb tests/lib/outer_sources.py eth0 8000 8400)
	lb set source none
	echo "$sources"
	# 256 flows: nearly all of them have a source of their own (6in6), or 256 addresses to choose from (6in4)
	[ "$(jq '.["8000"] | map(select(startswith("2001:db8:99::"))) | unique | length' <<<"$sources")" -gt 240 ]
	[ "$(jq '.["8400"] | map(select(startswith("10.99.0."))) | unique | length' <<<"$sources")" -gt 130 ]
	packet 'came()/client6()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel6()/client6(hlim=63)/TCP(dport=8000)'
}
