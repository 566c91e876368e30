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
	packet 'came()/tunnel(tos=1)/client(tos=2)/TCP()' pass decapsulated 'came()/client(tos=1)/TCP()'
	packet 'came()/tunnel(tos=3)/client(tos=0)/TCP()' drop congested
}

# ---- The other tunnels, and IPv6. ----

KINDS='ipip gre fou gue'

@test "a host takes IP in IP alone, if it is not told more: GRE is refused, and UDP is what it was" {
	packets <<-END
		came()/envelope("gre",BACKEND,client()/TCP()) => drop tunnel_refused
		came()/envelope("fou",BACKEND,client()/TCP()) => pass plain
		came()/envelope("gue",BACKEND,client()/TCP()) => pass plain
		came()/envelope("gre","172.16.0.11",client()/TCP()) => drop destination_refused
		came()/envelope("gre",BACKEND,client()/TCP(),outer={"src":"8.8.8.8"}) => drop source_refused
		came()/envelope("ipip",BACKEND,client6()/TCP()) => drop vip_refused
		came()/envelope("ipip",BACKEND6,client()/TCP()) => drop source_refused
		came()/envelope("gre",BACKEND6,client6()/TCP()) => drop source_refused
	END
	lb decap add lb 2001:db8:178::10
	packet 'came()/envelope("ipip",BACKEND6,client()/TCP())' drop destination_refused
	lb decap add host 2001:db8:16::10 gre
	packet 'came()/envelope("ipip",BACKEND6,client6()/TCP())' drop tunnel_refused
	packet 'came()/envelope("gre",BACKEND6,client6()/TCP())' drop vip_refused
	lb decap add vip 2001:db8:178::15
	packet 'came()/envelope("gre",BACKEND6,client6()/TCP())' pass decapsulated 'came()/client6()/TCP()'
	packet 'came()/envelope("gre",BACKEND6,client()/TCP())' pass decapsulated 'came()/client()/TCP()'
}

@test "a service's UDP port that is a tunnel's elsewhere is no tunnel here" {
	packet 'came()/tunnel()/client()/UDP(dport=5555)/client()/TCP()' pass decapsulated 'came()/client()/UDP(dport=5555)/client()/TCP()'
}

@test "every tunnel, either family in either one" {
	local kind host
	for host in 172.16.0.10 2001:db8:16::10; do
		lb decap add host $host ipip gre fou gue
		lb decap del host $host && lb decap add host $host ipip gre fou gue
		# what is known of the ports of a host may be one to three seconds old
		wait_for 10 packet "came()/envelope('gue','$host',client()/TCP())" pass decapsulated 'came()/client()/TCP()'
		wait_for 10 packet "came()/envelope('ipip','$host',client()/TCP())" pass decapsulated 'came()/client()/TCP()'
	done
	for kind in $KINDS; do
		for host in 172.16.0.10 2001:db8:16::10; do
			packets <<-END
				came()/envelope("$kind","$host",client()/TCP(dport=8000)/"odd") => pass decapsulated came()/client()/TCP(dport=8000)/"odd"
				came()/envelope("$kind","$host",client6()/TCP(dport=8000)/"odd") => pass decapsulated came()/client6()/TCP(dport=8000)/"odd"
				came()/envelope("$kind","$host",client()/UDP(dport=8000)/"odd") => pass decapsulated came()/client()/UDP(dport=8000)/"odd"
				came()/envelope("$kind","$host",client6()/UDP(dport=8000)) => pass decapsulated came()/client6()/UDP(dport=8000)
				came(5)/envelope("$kind","$host",client()/TCP()) => pass decapsulated came(5)/client()/TCP()
				came(5,6)/envelope("$kind","$host",client6()/TCP()) => pass decapsulated came(5,6)/client6()/TCP()
				came()/envelope("$kind","$host",client()/UDP()/Padding("x"*10)) => pass decapsulated came()/client()/UDP()/Padding("x"*10)
				came()/envelope("$kind","$host",client6(src="2001:db8::2")/ICMPv6TimeExceeded()/quote6(client6()/TCP()),flow=client()/TCP())
				=> pass decapsulated came()/client6(src="2001:db8::2")/ICMPv6TimeExceeded()/quote6(client6()/TCP())
				came()/envelope("$kind","$host",client(flags=0,frag=5,proto=17)/Raw("xyz")) => pass decapsulated came()/client(flags=0,frag=5,proto=17)/Raw("xyz")
				came()/envelope("$kind","$host",client(ttl=1,options=[IPOption_NOP()]*4)/TCP()) => pass decapsulated came()/client(ttl=1,options=[IPOption_NOP()]*4)/TCP()
				came()/envelope("$kind","$host",client6(hlim=1)/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/TCP()) => pass decapsulated came()/client6(hlim=1)/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/TCP()
				came()/envelope("$kind","$host",client6()/IPv6ExtHdrFragment(m=1,id=7)/UDP(dport=8000,len=999)/("x"*16)) => pass decapsulated came()/client6()/IPv6ExtHdrFragment(m=1,id=7)/UDP(dport=8000,len=999)/("x"*16)
				came()/envelope("$kind","$host",client6()/IPv6ExtHdrFragment(offset=3,id=7,nh=17)/("y"*17)) => pass decapsulated came()/client6()/IPv6ExtHdrFragment(offset=3,id=7,nh=17)/("y"*17)
			END
		done
	done
}

@test "every tunnel is refused as IP in IP is: by source, by destination, by what is inside" {
	local kind
	for kind in ipip gre; do
		packets <<-END
			came()/envelope("$kind","172.16.0.11",client()/TCP()) => drop destination_refused
			came()/envelope("$kind",VIP,client6()/TCP()) => drop destination_refused
			came()/envelope("$kind","2001:db8:16::11",client6()/TCP()) => drop destination_refused
			came()/envelope("$kind",VIP6,client()/TCP()) => drop destination_refused
		END
	done
	for kind in fou gue; do # the port is one of this host's: elsewhere it is a port like any other
		packets <<-END
			came()/envelope("$kind","172.16.0.11",client()/TCP()) => pass plain
			came()/envelope("$kind",VIP6,client()/TCP()) => pass plain
			came()/envelope("$kind",BACKEND,client()/TCP(),dport=7777) => pass plain
			came()/envelope("$kind",BACKEND6,client6()/TCP(),dport=7777) => pass plain
		END
	done
	for kind in $KINDS; do
		packets <<-END
			came()/envelope("$kind",BACKEND,client()/TCP(),outer={"src":"8.8.8.8"}) => drop source_refused
			came()/envelope("$kind",BACKEND,client6()/TCP(),outer={"src":VIP}) => drop source_refused
			came()/envelope("$kind",BACKEND6,client6()/TCP(),outer={"src":"2001:db8::8"}) => drop source_refused
			came()/envelope("$kind",BACKEND6,client()/TCP(),outer={"src":BACKEND6}) => drop source_refused
			came()/envelope("$kind",BACKEND,client(dst=BACKEND)/TCP(dport=22)) => drop vip_refused
			came()/envelope("$kind",BACKEND,client6(dst=BACKEND6)/TCP(dport=22)) => drop vip_refused
			came()/envelope("$kind",BACKEND6,client6(dst="::1")/TCP(dport=22)) => drop vip_refused
			came()/envelope("$kind",BACKEND6,client(dst="127.0.0.1")/TCP(dport=22)) => drop vip_refused
		END
	done
}

@test "a tunnel in any of them is refused, also behind extension headers, and by the ports that are tunnels here" {
	local kind
	for kind in $KINDS; do
		packets <<-END
			came()/envelope("$kind",BACKEND,client()/IP(dst=VIP)/TCP(),flow=client()/TCP()) => drop nested
			came()/envelope("$kind",BACKEND,client6()/IP(dst=VIP)/TCP(),flow=client()/TCP()) => drop nested
			came()/envelope("$kind",BACKEND6,client()/IPv6()/TCP(),flow=client()/TCP()) => drop nested
			came()/envelope("$kind",BACKEND6,client6(nh=47)/GRE()/IP(),flow=client()/TCP()) => drop nested
			came()/envelope("$kind",BACKEND6,client6()/IPv6ExtHdrDestOpt()/IPv6(),flow=client()/TCP()) => drop nested
			came()/envelope("$kind",BACKEND,client6()/IPv6ExtHdrFragment(id=9)/IP(),flow=client()/TCP()) => drop nested
			came()/envelope("$kind",BACKEND,client()/UDP(dport=5555)/client()) => drop nested
			came()/envelope("$kind",BACKEND6,client6()/UDP(dport=6080)/client()) => drop nested
			came()/envelope("$kind",BACKEND6,client6()/IPv6ExtHdrHopByHop()/UDP(dport=5555)/client()) => drop nested
			came()/envelope("$kind",BACKEND6,client(options=[IPOption_NOP()]*8)/UDP(dport=5555)/client()) => drop nested
			came()/envelope("$kind",BACKEND6,client()/UDP(dport=5556)/client()) => pass decapsulated came()/client()/UDP(dport=5556)/client()
		END
	done
}

@test "lengths that disagree, and headers that say what is none, are refused in every tunnel" {
	local kind
	for kind in $KINDS; do
		packets <<-END
			came()/envelope("$kind",BACKEND,client(len=41)/TCP()) => drop malformed
			came()/envelope("$kind",BACKEND,client(len=39)/TCP()) => drop malformed
			came()/envelope("$kind",BACKEND6,client(ihl=4)/TCP()) => drop malformed
			came()/envelope("$kind",BACKEND6,client6(plen=21)/TCP()) => drop malformed
			came()/envelope("$kind",BACKEND6,client6(plen=19)/TCP()) => drop malformed
			came()/envelope("$kind",BACKEND,client6(plen=0)/TCP()) => drop malformed
			came()/envelope("$kind",BACKEND,client6()/IPv6ExtHdrDestOpt(len=9)/TCP(),flow=client()/TCP()) => drop malformed
			came()/envelope("$kind",BACKEND,client()/TCP(),outer={"len":59}) => drop malformed
			came()/envelope("$kind",BACKEND,client()/TCP(),outer={"len":999}) => drop malformed
			came()/envelope("$kind",BACKEND,client()/TCP(),outer={"options":[IPOption_NOP()]*4}) => drop malformed
			came()/envelope("$kind",BACKEND6,client()/TCP(),outer={"plen":999}) => drop malformed
			came()/envelope("$kind",BACKEND6,client()/TCP(),outer={"plen":20}) => drop malformed
			came()/envelope("$kind",BACKEND6,client()/TCP(),outer={"version":5}) => drop malformed
			came()/envelope("$kind",BACKEND,client()/TCP(),outer={"flags":"MF"}) => drop outer_fragment
		END
	done
	packets <<-END
		came()/tunnel(proto=41)/client()/TCP() => drop malformed
		came()/tunnel(proto=4)/client6()/TCP() => drop malformed
		came()/tunnel6(nh=41)/client()/TCP() => drop malformed
		came()/tunnel6(nh=4) => drop malformed
		came()/tunnel6(nh=47)/Raw("xyz") => drop malformed
		came()/tunnel(proto=47) => drop malformed
		came()/tunnel(proto=17)/UDP(dport=5555) => drop malformed
		came()/tunnel(proto=17)/UDP(dport=5555)/("\x50"*40) => drop malformed
		came()/tunnel6(nh=17)/UDP(dport=6080)/"xyz" => drop malformed
		came()/envelope("fou",BACKEND,client()/TCP(),len=49) => drop malformed
		came()/envelope("fou",BACKEND6,client()/TCP(),len=47) => drop malformed
		came()/envelope("gue",BACKEND6,client()/TCP(),len=0) => drop malformed
		came()/tunnel(proto=17,flags=0,frag=5)/("x"*40) => pass plain
		came()/tunnel(proto=47,flags=0,frag=5)/("x"*40) => drop outer_fragment
	END
}

@test "GRE may have a checksum, which must be right, a key and a sequence number, and nothing else" {
	local with host
	for host in 172.16.0.10 2001:db8:16::10; do
		for with in chksum_present=1 key_present=1,key=7 seqnum_present=1,seqence_number=9 \
			chksum_present=1,key_present=1,seqnum_present=1,key=0xffffffff key_present=1,seqnum_present=1; do
			packets <<-END
				came()/envelope("gre","$host",client()/TCP()/"odd",$with) => pass decapsulated came()/client()/TCP()/"odd"
				came()/envelope("gre","$host",client6()/UDP()/"odd",$with) => pass decapsulated came()/client6()/UDP()/"odd"
				came(5)/envelope("gre","$host",client()/TCP()/Padding("xyz"),$with) => pass decapsulated came(5)/client()/TCP()/Padding("xyz")
			END
		done
		for with in chksum_present=1,chksum=0x1234 routing_present=1 version=1 strict_route_source=1 recursion_control=1 flags=1 \
			proto=0x6558 proto=0 proto=0x86dd; do
			packet "came()/envelope('gre','$host',client()/TCP(),$with)" drop malformed
		done
	done
}

@test "a UDP checksum is not looked at: the packet inside has its own" {
	local kind sum
	for kind in fou gue; do
		for sum in 0 0x1234 None; do
			packets <<-END
				came()/envelope("$kind",BACKEND,client()/TCP(),chksum=$sum) => pass decapsulated came()/client()/TCP()
				came()/envelope("$kind",BACKEND6,client6()/TCP(),chksum=$sum) => pass decapsulated came()/client6()/TCP()
			END
		done
	done
}

# A GUE header of these first four bytes, and what else there is.
gue() {
	echo "UDP(sport=50000,dport=6080)/Raw(bytes([$1])${2+ + b\"$2\"})"
}

@test "GUE: private data are skipped, a packet may stand there directly; anything else is refused" {
	packets <<-END
		came()/tunnel(proto=17)/$(gue 1,4,0,0 abcd)/client()/TCP() => pass decapsulated came()/client()/TCP()
		came()/tunnel6(nh=17)/$(gue 31,41,0,0 "$(printf 'x%.0s' {1..124})")/client6()/TCP() => pass decapsulated came()/client6()/TCP()
		came()/tunnel(proto=17)/UDP(sport=50000,dport=6080)/client()/TCP() => pass decapsulated came()/client()/TCP()
		came()/tunnel6(nh=17)/UDP(sport=50000,dport=6080)/client6()/TCP() => pass decapsulated came()/client6()/TCP()
		came()/tunnel(proto=17)/$(gue 31,4,0,0 abcd)/client()/TCP() => drop malformed
		came()/tunnel(proto=17)/$(gue 32,4,0,0)/client()/TCP() => drop malformed
		came()/tunnel(proto=17)/$(gue 0,4,0,1)/client()/TCP() => drop malformed
		came()/tunnel(proto=17)/$(gue 1,4,128,0 abcd)/client()/TCP() => drop malformed
		came()/tunnel(proto=17)/$(gue 128,4,0,0)/client()/TCP() => drop malformed
		came()/tunnel(proto=17)/$(gue 192,4,0,0)/client()/TCP() => drop malformed
		came()/tunnel(proto=17)/$(gue 0x50,4,0,0)/client()/TCP() => drop malformed
		came()/tunnel(proto=17)/$(gue 0,6,0,0)/TCP() => drop malformed
		came()/tunnel(proto=17)/$(gue 0,41,0,0)/client()/TCP() => drop malformed
		came()/tunnel(proto=17)/$(gue 0,4,0,0) => drop malformed
	END
}

@test "plain packets of IPv6 and UDP pass untouched" {
	packets <<-END
		came()/client6()/TCP() => pass plain
		came()/client6(dst=BACKEND6)/UDP(dport=53)/"x" => pass plain
		came()/client(dst=BACKEND)/UDP(dport=53)/"x" => pass plain
		came()/client(dst=BACKEND)/UDP(sport=5555,dport=40000) => pass plain
		came()/client(dst=BACKEND,ihl=4)/UDP(dport=5555) => pass plain
		came()/client(dst=BACKEND,proto=17)/Raw("xyz") => pass plain
		came()/client6(dst=BACKEND6,nh=17)/Raw("xyz") => pass plain
		came()/client6()/IPv6ExtHdrHopByHop()/ICMPv6EchoRequest() => pass plain
		came()/client6(dst=BACKEND6)/IPv6ExtHdrDestOpt()/UDP(dport=53) => pass plain
		came()/client6(dst=BACKEND6)/IPv6ExtHdrFragment(m=1,id=7)/UDP(dport=53) => pass plain
		came()/client6(dst=BACKEND6)/IPv6ExtHdrFragment(offset=3,id=7,nh=17)/("x"*40) => pass plain
		came()/client6(dst=BACKEND6)/IPv6ExtHdrDestOpt(len=9) => pass plain
		came()/client6(dst=BACKEND6,plen=999)/TCP() => pass plain
		came()/Raw(bytes(client6()/TCP())[:39])  => pass plain
		Ether(src=GATEWAY_MAC,dst="33:33:00:00:00:fb")/IPv6(src="fe80::2",dst="ff02::fb")/UDP(dport=5353) => pass plain
	END
}

@test "an outer IPv6 header with extension headers is refused, if there is a tunnel behind them" {
	local kind nine='IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()'
	packets <<-END
		came()/tunnel6()/IPv6ExtHdrDestOpt()/client6()/TCP() => drop malformed
		came()/tunnel6()/IPv6ExtHdrHopByHop()/IPv6ExtHdrRouting(segleft=0)/client()/TCP() => drop malformed
		came()/tunnel6()/IPv6ExtHdrDestOpt(nh=47)/GRE()/client()/TCP() => drop malformed
		came()/tunnel6()/IPv6ExtHdrDestOpt()/UDP(dport=5555)/client()/TCP() => drop malformed
		came()/tunnel6()/IPv6ExtHdrFragment(m=1,id=7)/client()/TCP() => drop outer_fragment
		came()/tunnel6()/IPv6ExtHdrFragment(id=7)/client6()/TCP() => drop outer_fragment
		came()/tunnel6()/IPv6ExtHdrFragment(m=1,id=7)/UDP(dport=6080)/client()/TCP() => drop outer_fragment
		came()/tunnel6()/IPv6ExtHdrFragment(offset=3,id=7,nh=41)/("x"*40) => drop outer_fragment
		came()/tunnel6()/$nine/client6()/TCP() => drop unreadable
		came()/tunnel6()/IPv6ExtHdrRouting(segleft=1,addresses=["2001:db8::1"])/client6()/TCP() => drop unreadable
		came()/tunnel6(to=VIP6)/$nine/client6()/TCP() => pass plain
		came()/envelope("ipip",BACKEND6,client6()/$nine/TCP()) => drop unreadable
		came()/envelope("gre",BACKEND,client6()/IPv6ExtHdrRouting(segleft=1,addresses=["2001:db8::1"])/TCP()) => drop unreadable
	END
}

@test "congestion marks are carried over in both families, as the table in RFC 6040, 4.2 says" {
	local to inner outer ecn kind=0 kinds
	read -ra kinds <<<"$KINDS"
	# row: what the inner header has; column: what the outer one has (Not-ECT, ECT(1), ECT(0), CE)
	local -A becomes=([0]="0 0 0 drop" [1]="1 1 1 3" [2]="2 1 2 3" [3]="3 3 3 3")
	for to in BACKEND,tos BACKEND6,tc; do
		for inner in 0 1 2 3; do
			outer=0
			for ecn in ${becomes[$inner]}; do
				if [[ $ecn == drop ]]; then
					printf '%s => drop congested\n' \
						"came()/envelope('${kinds[kind]}',${to%,*},client(tos=$inner)/TCP(),outer={'${to#*,}':$outer})" \
						"came()/envelope('${kinds[kind]}',${to%,*},client6(tc=$inner)/TCP(),outer={'${to#*,}':$outer})"
				else
					printf '%s\n=> pass decapsulated %s\n' \
						"came()/envelope('${kinds[kind]}',${to%,*},client(tos=$inner)/TCP(),outer={'${to#*,}':$outer})" "came()/client(tos=$ecn)/TCP()" \
						"came()/envelope('${kinds[kind]}',${to%,*},client6(tc=0xb8+$inner)/TCP(),outer={'${to#*,}':0xb8+$outer})" "came()/client6(tc=0xb8+$ecn)/TCP()"
				fi
				outer=$((outer + 1)) kind=$(((kind + 1) % 4))
			done
		done
	done | packets
}

@test "load balancers may be a prefix, in both families, and every tunnel may come from it" {
	local kind
	lb decap add lb 10.99.0.0/24
	lb decap add lb 2001:db8:99::/64
	for kind in $KINDS; do
		packets <<-END
			came()/envelope("$kind",BACKEND,client()/TCP(),outer={"src":"10.99.0.1"}) => pass decapsulated came()/client()/TCP()
			came()/envelope("$kind",BACKEND,client6()/TCP(),outer={"src":"10.99.0.255"}) => pass decapsulated came()/client6()/TCP()
			came()/envelope("$kind",BACKEND,client()/TCP(),outer={"src":"10.99.1.0"}) => drop source_refused
			came()/envelope("$kind",BACKEND6,client()/TCP(),outer={"src":"2001:db8:99::ffff:ffff"}) => pass decapsulated came()/client()/TCP()
			came()/envelope("$kind",BACKEND6,client()/TCP(),outer={"src":"2001:db8:99:1::"}) => drop source_refused
		END
	done
	# a prefix is no more than it says: neither hosts nor VIPs of the same numbers
	packets <<-END
		came()/envelope("ipip","10.99.0.1",client()/TCP()) => drop destination_refused
		came()/envelope("ipip",BACKEND,client(dst="10.99.0.1")/TCP()) => drop vip_refused
	END
}

@test "a host's ports can be others, and what it does not take any more is refused, or plain, within 2.5 seconds" {
	lb decap del host 172.16.0.10
	lb decap add host 172.16.0.10 ipip fou:7777 gue:7778
	wait_for 10 packet 'came()/envelope("fou",BACKEND,client()/TCP())' pass plain
	wait_for 10 packet 'came()/envelope("gre",BACKEND,client()/TCP())' drop tunnel_refused
	packets <<-END
		came()/envelope("fou",BACKEND,client()/TCP(),dport=7777) => pass decapsulated came()/client()/TCP()
		came()/envelope("gue",BACKEND,client6()/TCP(),dport=7778) => pass decapsulated came()/client6()/TCP()
		came()/envelope("fou",BACKEND6,client()/TCP(),dport=7777) => pass plain
	END
	lb decap del host 172.16.0.10
	wait_for 10 packet 'came()/envelope("fou",BACKEND,client()/TCP(),dport=7777)' pass plain
	wait_for 10 packet 'came()/envelope("ipip",BACKEND,client()/TCP())' drop destination_refused
	lb decap add host 172.16.0.10 ipip gre fou gue
	wait_for 10 packet 'came()/envelope("fou",BACKEND,client()/TCP())' pass decapsulated 'came()/client()/TCP()'
}

@test "a frame of several pages goes through the section xdp.frags" {
	on lb ip -force link set dev eth0 xdp obj bpf/xdp_decap.o sec xdp.frags
	packets <<-END
		came()/envelope("gre",BACKEND6,client6()/TCP()/("x"*8000),chksum_present=1) => pass decapsulated came()/client6()/TCP()/("x"*8000)
		came()/envelope("gre",BACKEND6,client6()/TCP()/("x"*8000),chksum_present=1,chksum=1) => drop malformed
		came()/envelope("gue",BACKEND,client6()/TCP()/("x"*8000)) => pass decapsulated came()/client6()/TCP()/("x"*8000)
	END
}
