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
			"service udp $vip:8601" 'backend 2001:db8:20::20' \
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
		use "$kind"
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

# A packet, as it comes (hop limit or TTL 64) and as it goes on (63): $1 is what stands behind the IP header, {} in it the
# port. To backends of both families, and from clients of both.
both_ways() {
	local kind=$1 four=${2/\{\}/8000} six=${2/\{\}/8600}
	packets <<-END
		came()/client()/$four => tx forwarded leaves()/envelope("$kind",BACKEND,client(ttl=63)/$four)
		came()/client()/$six => tx forwarded leaves()/envelope("$kind",BACKEND6,client(ttl=63)/$six)
		came()/client6()/$four => tx forwarded leaves()/envelope("$kind",BACKEND,client6(hlim=63)/$four)
		came()/client6()/$six => tx forwarded leaves()/envelope("$kind",BACKEND6,client6(hlim=63)/$six)
	END
}

@test "the checksum of UDP in IPv6 is right for whatever is inside" {
	local kind what
	for kind in fou gue; do
		use "$kind"
		for what in 'TCP(sport=40000,dport={},flags="A",options=[("NOP",None)]*8)/("x"*1001)' \
			'UDP(sport=40000,dport={},chksum=0)/"no checksum, and odd"' \
			'UDP(sport=40000,dport={},len=11,chksum=0x1234)/"odd and more than it says"' \
			'UDP(sport=40000,dport={})' 'UDP(sport=0,dport={})/(b"\xff"*900)' 'UDP(sport=40000,dport={},chksum=0)/("y"*1111)'; do
			both_ways "$kind" "$what"
		done
		packets <<-END
			came()/client(options=[IPOption_NOP()]*8)/UDP(sport=40000,dport=8600)/"odd"
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client(ttl=63,options=[IPOption_NOP()]*8)/UDP(sport=40000,dport=8600)/"odd")
			came()/client6(tc=0xb9)/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/UDP(sport=40000,dport=8600)/"odd"
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client6(hlim=63,tc=0xb9)/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/UDP(sport=40000,dport=8600)/"odd",outer={"tc":0xb9})
			came()/client6()/IPv6ExtHdrRouting(segleft=0,addresses=["2001:db8::1"])/TCP(sport=40000,dport=8600)/"odd"
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client6(hlim=63)/IPv6ExtHdrRouting(segleft=0,addresses=["2001:db8::1"])/TCP(sport=40000,dport=8600)/"odd")
		END
	done
}

@test "a packet whose own checksum is wrong has a wrong one outside, too: it is dropped where the tunnel ends" {
	local kind
	for kind in fou gue; do
		use "$kind"
		packets <<-END
			came()/client6()/TCP(sport=40000,dport=8600,chksum=0x1234)/"x"
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client6(hlim=63)/TCP(sport=40000,dport=8600,chksum=0x1234)/"x",chksum=outer_sum("$kind",client6(hlim=63)/TCP(sport=40000,dport=8600)/"x"))
			came()/client()/UDP(sport=40000,dport=8600,chksum=0x1234)/"x"
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client(ttl=63)/UDP(sport=40000,dport=8600,chksum=0x1234)/"x",chksum=outer_sum("$kind",client(ttl=63)/UDP(sport=40000,dport=8600)/"x"))
		END
	done
}

@test "fragments follow their first one, each by its own port of the tunnel" {
	local kind
	for kind in $KINDS; do
		use "$kind"
		packets <<-END
			came()/client(flags="MF",id=77)/UDP(sport=40000,dport=8600,len=1000)/("x"*16)
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client(flags="MF",id=77,ttl=63)/UDP(sport=40000,dport=8600,len=1000)/("x"*16))
			came()/client(flags=0,frag=3,id=77,proto=17)/Raw("y"*17)
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client(flags=0,frag=3,id=77,ttl=63,proto=17)/Raw("y"*17))
			came()/client(flags="MF",id=81)/TCP(sport=40000,dport=8600,chksum=0x1234)/("x"*16)
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client(flags="MF",id=81,ttl=63)/TCP(sport=40000,dport=8600,chksum=0x1234)/("x"*16))
			came()/client6()/IPv6ExtHdrFragment(m=1,id=77)/UDP(sport=40000,dport=8600,len=1000,chksum=1)/("x"*16)
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client6(hlim=63)/IPv6ExtHdrFragment(m=1,id=77)/UDP(sport=40000,dport=8600,len=1000,chksum=1)/("x"*16))
			came()/client6()/IPv6ExtHdrFragment(offset=3,id=77,nh=17)/Raw("y"*17)
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client6(hlim=63)/IPv6ExtHdrFragment(offset=3,id=77,nh=17)/Raw("y"*17))
			came()/client6()/IPv6ExtHdrFragment(m=1,id=78)/UDP(sport=40000,dport=8000,len=1000,chksum=1)/("x"*16)
			=> tx forwarded leaves()/envelope("$kind",BACKEND,client6(hlim=63)/IPv6ExtHdrFragment(m=1,id=78)/UDP(sport=40000,dport=8000,len=1000,chksum=1)/("x"*16))
			came()/client6()/IPv6ExtHdrFragment(offset=3,id=79,nh=17)/Raw("y"*17) => drop fragment_unknown
		END
	done
}

@test "an ICMP error goes to the backend that has the connection, by the connection's own port of the tunnel" {
	local kind
	for kind in $KINDS; do
		use "$kind"
		packets <<-END
			came()/client(src="10.0.0.2")/ICMP(type=3,code=4,nexthopmtu=1400)/quote(client(src=VIP,dst=CLIENT)/TCP(sport=8600,dport=40000))
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client(src="10.0.0.2",ttl=63)/ICMP(type=3,code=4,nexthopmtu=1400)/quote(client(src=VIP,dst=CLIENT)/TCP(sport=8600,dport=40000)),flow=client()/TCP(sport=40000,dport=8600))
			came()/client6(src="2001:db8::2")/ICMPv6PacketTooBig(mtu=1400)/quote6(client6(src=VIP6,dst=CLIENT6)/UDP(sport=8600,dport=40000)/("x"*100))
			=> tx forwarded leaves()/envelope("$kind",BACKEND6,client6(src="2001:db8::2",hlim=63)/ICMPv6PacketTooBig(mtu=1400)/quote6(client6(src=VIP6,dst=CLIENT6)/UDP(sport=8600,dport=40000)/("x"*100)),flow=client6()/UDP(sport=40000,dport=8600))
			came()/client6(src="2001:db8::2")/ICMPv6TimeExceeded()/quote6(client6(src=VIP6,dst=CLIENT6)/UDP(sport=8000,dport=40000))
			=> tx forwarded leaves()/envelope("$kind",BACKEND,client6(src="2001:db8::2",hlim=63)/ICMPv6TimeExceeded()/quote6(client6(src=VIP6,dst=CLIENT6)/UDP(sport=8000,dport=40000)),flow=client6()/UDP(sport=40000,dport=8000))
		END
	done
}

@test "DSCP and ECN are copied to the outer header; padding stays; VLAN tags go" {
	local kind
	for kind in $KINDS; do
		use "$kind"
		packets <<-END
			came()/client(tos=0xb9)/TCP(dport=8600) => tx forwarded leaves()/envelope("$kind",BACKEND6,client(tos=0xb9,ttl=63)/TCP(dport=8600),outer={"tc":0xb9})
			came()/client6(tc=0xb9)/TCP(dport=8000) => tx forwarded leaves()/envelope("$kind",BACKEND,client6(tc=0xb9,hlim=63)/TCP(dport=8000),outer={"tos":0xb9})
			came(100)/client6()/TCP(dport=8000) => tx forwarded leaves()/envelope("$kind",BACKEND,client6(hlim=63)/TCP(dport=8000))
			came(1,2)/client()/TCP(dport=8600) => tx forwarded leaves()/envelope("$kind",BACKEND6,client(ttl=63)/TCP(dport=8600))
			came(1,2)/client()/TCP(dport=8000) => tx forwarded leaves()/envelope("$kind",BACKEND,client(ttl=63)/TCP(dport=8000))
			came()/client6()/UDP(dport=8600)/Padding("\xaa"*17) => tx forwarded leaves()/envelope("$kind",BACKEND6,client6(hlim=63)/UDP(dport=8600)/Padding("\xaa"*17))
			came()/client()/UDP(dport=8600,chksum=0)/Padding("\xaa"*17) => tx forwarded leaves()/envelope("$kind",BACKEND6,client(ttl=63)/UDP(dport=8600,chksum=0)/Padding("\xaa"*17))
			came(7)/client()/TCP(dport=8001) => redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/envelope("$kind","172.20.0.20",client(ttl=63)/TCP(dport=8001))
			came(7,8)/client6()/TCP(dport=8601) => redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/envelope("$kind","2001:db8:20::20",client6(hlim=63)/TCP(dport=8601))
		END
	done
}

@test "what is not for a service passes untouched; what is broken is dropped" {
	local kind
	for kind in $KINDS; do
		use "$kind"
		packets <<-END
			came()/client()/TCP(dport=22) => pass not_ours
			came()/client6()/TCP(dport=22) => pass not_ours
			came()/envelope("$kind",LB,client()/TCP(dport=8000)) => pass not_ours
			came()/envelope("$kind",LB6,client6()/TCP(dport=8000)) => pass not_ours
			came()/client(len=41)/TCP(dport=8000) => drop malformed
			came()/client6(plen=21)/TCP(dport=8600) => drop malformed
			came()/client(ttl=1,flags=0,frag=5,id=80,proto=17)/Raw("z"*3) => drop fragment_unknown
			came()/client(ttl=1)/TCP(sport=40000,dport=8600) => tx ttl_answered leaves()/IP(src=LB,dst=CLIENT,id=0,ttl=64)/ICMP(type=11,code=0)/quote(client(ttl=1)/TCP(sport=40000,dport=8600))
		END
	done
}

# goes_through KIND ROOM4 ROOM6: a packet of so many bytes goes through to an IPv4 or IPv6 backend, and one byte more is
# too big; 1500 bytes for the default ports, 1400 for those behind a smaller MTU.
goes_through() {
	local kind=$1 four=$2 six=$3
	packets <<-END
		came()/client()/TCP(dport=8000)/("x"*($four-40)) => tx forwarded leaves()/envelope("$kind",BACKEND,client(ttl=63)/TCP(dport=8000)/("x"*($four-40)))
		came()/client()/TCP(dport=8000)/("x"*($four-39)) => tx too_big_answered leaves()/IP(src=VIP,dst=CLIENT,id=0,ttl=64)/ICMP(type=3,code=4,nexthopmtu=$four)/quote(client()/TCP(dport=8000)/("x"*($four-39)))
		came()/client(flags=0)/TCP(dport=8000)/("x"*($four-39)) => drop too_big
		came()/client()/TCP(dport=8600)/("x"*($six-40)) => tx forwarded leaves()/envelope("$kind",BACKEND6,client(ttl=63)/TCP(dport=8600)/("x"*($six-40)))
		came()/client()/TCP(dport=8600)/("x"*($six-39)) => tx too_big_answered leaves()/IP(src=VIP,dst=CLIENT,id=0,ttl=64)/ICMP(type=3,code=4,nexthopmtu=$six)/quote(client()/TCP(dport=8600)/("x"*($six-39)))
		came()/client6()/TCP(dport=8000)/("x"*($four-60)) => tx forwarded leaves()/envelope("$kind",BACKEND,client6(hlim=63)/TCP(dport=8000)/("x"*($four-60)))
		came()/client6()/TCP(dport=8000)/("x"*($four-59)) => tx too_big_answered leaves()/IPv6(src=VIP6,dst=CLIENT6,hlim=64)/ICMPv6PacketTooBig(mtu=$four)/quote6(client6()/TCP(dport=8000)/("x"*($four-59)))
		came()/client6()/TCP(dport=8600)/("x"*($six-60)) => tx forwarded leaves()/envelope("$kind",BACKEND6,client6(hlim=63)/TCP(dport=8600)/("x"*($six-60)))
		came()/client6()/TCP(dport=8600)/("x"*($six-59)) => tx too_big_answered leaves()/IPv6(src=VIP6,dst=CLIENT6,hlim=64)/ICMPv6PacketTooBig(mtu=$six)/quote6(client6()/TCP(dport=8600)/("x"*($six-59)))
		came()/client()/TCP(dport=8005)/("x"*($four-140)) => tx forwarded leaves()/envelope("$kind","172.16.5.10",client(ttl=63)/TCP(dport=8005)/("x"*($four-140)))
		came()/client()/TCP(dport=8005)/("x"*($four-139)) => tx too_big_answered leaves()/IP(src=VIP,dst=CLIENT,id=0,ttl=64)/ICMP(type=3,code=4,nexthopmtu=$four-100)/quote(client()/TCP(dport=8005)/("x"*($four-139)))
		came()/client6()/TCP(dport=8605)/("x"*($six-160)) => tx forwarded leaves()/envelope("$kind","2001:db8:5::10",client6(hlim=63)/TCP(dport=8605)/("x"*($six-160)))
		came()/client6()/TCP(dport=8605)/("x"*($six-159)) => tx too_big_answered leaves()/IPv6(src=VIP6,dst=CLIENT6,hlim=64)/ICMPv6PacketTooBig(mtu=$six-100)/quote6(client6()/TCP(dport=8605)/("x"*($six-159)))
	END
}

@test "the largest packet goes through, and one byte more is answered with what the envelope leaves of the MTU" {
	use ipip && goes_through ipip 1480 1460
	use gre && goes_through gre 1476 1456
	use fou && goes_through fou 1472 1452
	use gue && goes_through gue 1468 1448
}

@test "the UDP port can be set, and goes back to the program's own" {
	local kind
	lb set port 7777
	for kind in fou gue; do
		use "$kind"
		packets <<-END
			came()/client()/TCP(dport=8000) => tx forwarded leaves()/envelope("$kind",BACKEND,client(ttl=63)/TCP(dport=8000),dport=7777)
			came()/client()/TCP(dport=8600) => tx forwarded leaves()/envelope("$kind",BACKEND6,client(ttl=63)/TCP(dport=8600),dport=7777)
		END
	done
	lb set port default
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/envelope("gue",BACKEND,client(ttl=63)/TCP(dport=8000))'
}

@test "a health check goes in the same envelope to the backend that its port means" {
	local kind
	probes_come_from eth1
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/probes" key 0 0 0 0 value $(. maps/all.sh && u32 "$(listed_id 2001:db8:16::10)")
	for kind in $KINDS; do
		on lb ip -force link set dev eth1 xdp obj "bpf/xdp_$kind.o" sec xdp
		packets eth1 <<-END
			came()/client(src=LB)/TCP(sport=61000,dport=8600,flags="S")
			=> redirect probe leaves()/envelope("$kind",BACKEND6,client(src=LB,ttl=63)/TCP(sport=61000,dport=8600,flags="S"))
			came()/client6(src=LB6)/TCP(sport=61001,dport=8600,flags="S")
			=> redirect probe leaves()/envelope("$kind",BACKEND6,client6(src=LB6,hlim=63)/TCP(sport=61001,dport=8600,flags="S"))
		END
	done
	on lb ip link set dev eth1 xdp off
}

@test "a flow keeps its source port, and flows spread evenly over the ports, for queues and paths on the way" {
	local kind
	for kind in fou gue; do
		use "$kind"
		on lb tests/lib/tunnels.py ports eth0 $kind
	done
}

@test "a checksum that comes to 0 is written as 0xffff, in IPv6" {
	local kind
	for kind in fou gue; do
		use "$kind"
		on lb tests/lib/tunnels.py sums eth0 $kind
	done
}

@test "xdp_decap makes of everything that the four send what came in, one hop older" {
	local kind vip
	on lb ip -force link set dev eth1 xdp obj bpf/xdp_decap.o sec xdp
	for vip in 192.168.178.15 2001:db8:178::15; do lb decap add vip $vip; done
	lb decap add lb 192.168.178.10
	lb decap add lb 2001:db8:178::10
	lb decap add host 172.16.0.10 ipip gre fou gue
	lb decap add host 2001:db8:16::10 ipip gre fou gue
	for kind in $KINDS; do
		use "$kind"
		on lb tests/lib/tunnels.py there-and-back eth0 eth1 "$kind"
	done
	on lb ip link set dev eth1 xdp off
}

@test "tcpdump has nothing to say against what they send" {
	local kind
	for kind in $KINDS; do
		use "$kind"
		on lb tests/lib/tunnels.py pcap eth0 >"$BATS_TEST_TMPDIR/pcap"
		tcpdump -vvvnr "$BATS_TEST_TMPDIR/pcap" >"$BATS_TEST_TMPDIR/text" 2>&1
		[ "$(grep -c '^[0-9:.]* IP' "$BATS_TEST_TMPDIR/text")" -eq 78 ]
		run grep -iE 'bad|wrong|incorrect|truncated|invalid|malformed|\[\|' "$BATS_TEST_TMPDIR/text"
		echo "$output"
		[ "$status" -eq 1 ]
	done
}

@test "a frame of several pages goes through the section xdp.frags, its checksum over all of it" {
	local kind
	on switch ip link set dev lb.eth1 xdp off # it is not for such frames
	on lb ip link set eth1 mtu 9000
	for kind in $KINDS; do
		use "$kind" xdp.frags
		packets <<-END
			came()/client6()/TCP(dport=8601)/("x"*8000)
			=> redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/envelope("$kind","2001:db8:20::20",client6(hlim=63)/TCP(dport=8601)/("x"*8000))
			came()/client()/UDP(dport=8601,chksum=0)/("x"*8001)
			=> redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/envelope("$kind","2001:db8:20::20",client(ttl=63)/UDP(dport=8601,chksum=0)/("x"*8001))
			came()/client6(plen=8021)/TCP(dport=8601)/("x"*8000) => drop malformed
		END
	done
}
