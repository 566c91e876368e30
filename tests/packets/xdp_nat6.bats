#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# xdp_nat with IPv6: NAT66, and NAT64 and NAT46, where client and backend are of different families (RFC 7915). Row by
# row, as xdp_nat.bats does it for IPv4.

load ../lib/helper

VIP6=2001:db8:178::15

setup_file() {
	one_load_balancer
	speak_ipv6
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb ip neigh replace 2001:db8:178::11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb attach nat eth0
	lb set address 2001:db8:178::10
	lb restore - <<-END
		# NAT66, NAT64, NAT46
		$(tcp_and_udp "[$VIP6]:80" "[2001:db8:178::11]:8080")
		$(tcp_and_udp "[$VIP6]:64" 192.168.178.11:8080)
		$(tcp_and_udp 192.168.178.15:46 "[2001:db8:178::11]:8046")
		$(tcp_and_udp "[$VIP6]:8001" 2001:db8:20::20)
	END
	lb service add tcp "[$VIP6]:8002"
}

teardown_file() {
	scripts/node destroy --all
}

setup() {
	# Each test starts without connections, and with the default settings.
	lb nat set ports 10000-65535 handshake 30 established 7440 closing 30 udp 300
	on lb tests/lib/clear.sh
}

# connections [6]: how many entries conntrack or conntrack6 holds.
connections() {
	on lb bpftool -j map dump pinned "$MAPS/conntrack${1-}" | jq 'length'
}

# The first three packets of a connection, from port 40000.
open66() {
	packets <<-'END'
		came()/client6()/TCP(sport=40000,dport=80,flags="S",seq=100)
		=> tx forwarded to_backend()/ours6(hlim=63)/TCP(sport=40000,dport=8080,flags="S",seq=100)
		from_backend()/theirs6()/TCP(sport=8080,dport=40000,flags="SA",seq=500,ack=101)
		=> tx forwarded leaves()/answer6(hlim=63)/TCP(sport=80,dport=40000,flags="SA",seq=500,ack=101)
		came()/client6()/TCP(sport=40000,dport=80,flags="A",seq=101,ack=501)
		=> tx forwarded to_backend()/ours6(hlim=63)/TCP(sport=40000,dport=8080,flags="A",seq=101,ack=501)
	END
}

open64() {
	packets <<-'END'
		came()/client6()/TCP(sport=40000,dport=64,flags="S",seq=100,options=[("MSS",1440)])
		=> tx forwarded to_backend()/ours(ttl=63,flags=0,id=its_id())/TCP(sport=40000,dport=8080,flags="S",seq=100,options=[("MSS",1440)])
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="SA",seq=500,ack=101)
		=> tx forwarded leaves()/answer6(hlim=63,fl=0)/TCP(sport=64,dport=40000,flags="SA",seq=500,ack=101)
		came()/client6()/TCP(sport=40000,dport=64,flags="A",seq=101,ack=501)
		=> tx forwarded to_backend()/ours(ttl=63,flags=0,id=its_id())/TCP(sport=40000,dport=8080,flags="A",seq=101,ack=501)
	END
}

open46() {
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=46,flags="S",seq=100,options=[("MSS",1460)])
		=> tx forwarded to_backend()/ours6(hlim=63,fl=0)/TCP(sport=40000,dport=8046,flags="S",seq=100,options=[("MSS",1460)])
		from_backend()/theirs6()/TCP(sport=8046,dport=40000,flags="SA",seq=500,ack=101)
		=> tx forwarded leaves()/answer(ttl=63,flags=0,id=its_id())/TCP(sport=46,dport=40000,flags="SA",seq=500,ack=101)
		came()/client()/TCP(sport=40000,dport=46,flags="A",seq=101,ack=501)
		=> tx forwarded to_backend()/ours6(hlim=63,fl=0)/TCP(sport=40000,dport=8046,flags="A",seq=101,ack=501)
	END
}

# client:40000 -> VIP:80   =>  lb:40000 -> backend:8046,  and back
@test "NAT66: addresses and ports of requests and replies are rewritten; the flow label stays" {
	open66
	packets <<-'END'
		came()/client6()/TCP(sport=40000,dport=80,flags="PA",seq=101,ack=501)/"odd"/Padding("\xff"*7)
		=> tx forwarded to_backend()/ours6(hlim=63)/TCP(sport=40000,dport=8080,flags="PA",seq=101,ack=501)/"odd"/Padding("\xff"*7)
		from_backend()/theirs6(tc=3)/TCP(sport=8080,dport=40000,flags="PA",seq=501,ack=104)/"200"
		=> tx forwarded leaves()/answer6(tc=3,hlim=63)/TCP(sport=80,dport=40000,flags="PA",seq=501,ack=104)/"200"
		came(5)/client6()/TCP(sport=40000,dport=80,flags="A")
		=> tx forwarded Ether(src=LB_MAC,dst="02:00:00:00:00:11")/ours6(hlim=63)/TCP(sport=40000,dport=8080,flags="A")
		came()/client6()/UDP(sport=40000,dport=80)/"odd"
		=> tx forwarded to_backend()/ours6(hlim=63)/UDP(sport=40000,dport=8080)/"odd"
		from_backend()/theirs6()/UDP(sport=8080,dport=40000)/"answer"
		=> tx forwarded leaves()/answer6(hlim=63)/UDP(sport=80,dport=40000)/"answer"
	END
	[ "$(connections 6)" -eq 2 ]
	[ "$(connections)" -eq 0 ]
	[ "$(on lb bash -c '. maps/all.sh; bpftool -j map dump pinned '"$MAPS"'/conntrack6 | conntrack6_decode')" = \
		'[{"protocol":"tcp","client":"[2001:db8:10::20]:40000","vip":"[2001:db8:178::15]:80","lb":"[2001:db8:178::10]:40000","backend":"[2001:db8:178::11]:8080"}]' ]
	[ "$(on lb tests/lib/handshakes.py list | sort)" = "reply [2001:db8:178::11]:8080 [2001:db8:178::10]:40000
request [2001:db8:10::20]:40000 [2001:db8:178::15]:80" ] # UDP's, which is not confirmed yet
}

@test "NAT64: an IPv6 client's packets become IPv4, and the answers IPv6" {
	open64
	packets <<-'END'
		came()/client6(tc=0xb9)/TCP(sport=40000,dport=64,flags="PA",seq=101,ack=501)/"odd"/Padding("\xff"*7)
		=> tx forwarded to_backend()/ours(tos=0xb9,ttl=63,flags=0,id=its_id())/TCP(sport=40000,dport=8080,flags="PA",seq=101,ack=501)/"odd"/Padding("\xff"*7)
		from_backend()/theirs(tos=3,options=[IPOption_NOP()]*8)/TCP(sport=8080,dport=40000,flags="PA",seq=501,ack=104)/"200"
		=> tx forwarded leaves()/answer6(tc=3,hlim=63,fl=0)/TCP(sport=64,dport=40000,flags="PA",seq=501,ack=104)/"200"
		came()/client6()/UDP(sport=40000,dport=64)/"odd"
		=> tx forwarded to_backend()/ours(ttl=63,flags=0,id=its_id())/UDP(sport=40000,dport=8080)/"odd"
		from_backend()/theirs()/UDP(sport=8080,dport=40000,chksum=0)/"odd"
		=> tx forwarded leaves()/answer6(hlim=63,fl=0)/UDP(sport=64,dport=40000)/"odd"
		came(5)/client6()/TCP(sport=40000,dport=64,flags="A")
		=> tx forwarded Ether(src=LB_MAC,dst="02:00:00:00:00:11")/ours(ttl=63,flags=0,id=its_id())/TCP(sport=40000,dport=8080,flags="A")
	END
	[ "$(connections 6)" -eq 1 ]
	[ "$(connections)" -eq 1 ]
	[ "$(on lb bash -c '. maps/all.sh; bpftool -j map dump pinned '"$MAPS"'/conntrack6 | conntrack6_decode')" = \
		'[{"protocol":"tcp","client":"[2001:db8:10::20]:40000","vip":"[2001:db8:178::15]:64","lb":"192.168.178.10:40000","backend":"192.168.178.11:8080"}]' ]
}

@test "NAT46: an IPv4 client's packets become IPv6, and the answers IPv4" {
	open46
	packets <<-'END'
		came()/client(tos=0xb9,options=[IPOption_NOP()]*8)/TCP(sport=40000,dport=46,flags="PA",seq=101,ack=501)/"odd"/Padding("\xff"*7)
		=> tx forwarded to_backend()/ours6(tc=0xb9,hlim=63,fl=0)/TCP(sport=40000,dport=8046,flags="PA",seq=101,ack=501)/"odd"/Padding("\xff"*7)
		from_backend()/theirs6(tc=3)/TCP(sport=8046,dport=40000,flags="PA",seq=501,ack=104)/"200"
		=> tx forwarded leaves()/answer(tos=3,ttl=63,flags=0,id=its_id())/TCP(sport=46,dport=40000,flags="PA",seq=501,ack=104)/"200"
		came()/client()/UDP(sport=40000,dport=46,chksum=0)/"odd"
		=> tx forwarded to_backend()/ours6(hlim=63,fl=0)/UDP(sport=40000,dport=8046)/"odd"
		from_backend()/theirs6()/UDP(sport=8046,dport=40000)/("z"*1001)
		=> tx forwarded leaves()/answer(ttl=63,flags=0,id=its_id())/UDP(sport=46,dport=40000)/("z"*1001)
		came(5,6)/client()/TCP(sport=40000,dport=46,flags="A")
		=> tx forwarded Ether(src=LB_MAC,dst="02:00:00:00:00:11")/ours6(hlim=63,fl=0)/TCP(sport=40000,dport=8046,flags="A")
	END
	[ "$(connections 6)" -eq 1 ]
	[ "$(connections)" -eq 1 ]
	[ "$(on lb bash -c '. maps/all.sh; bpftool -j map dump pinned '"$MAPS"'/conntrack | conntrack_decode')" = \
		'[{"protocol":"tcp","client":"10.0.0.20:40000","vip":"192.168.178.15:46","lb":"[2001:db8:178::10]:40000","backend":"[2001:db8:178::11]:8046"}]' ]
}

@test "what fits in 1260 bytes of IPv4 may be fragmented behind us, what is longer may not" {
	open64
	packets <<-'END'
		came()/client6()/TCP(sport=40000,dport=64,flags="A")/("z"*1220)
		=> tx forwarded to_backend()/ours(ttl=63,flags=0,id=its_id())/TCP(sport=40000,dport=8080,flags="A")/("z"*1220)
		came()/client6()/TCP(sport=40000,dport=64,flags="A")/("z"*1221)
		=> tx forwarded to_backend()/ours(ttl=63,flags="DF",id=its_id())/TCP(sport=40000,dport=8080,flags="A")/("z"*1221)
	END
}

@test "extension headers stay on the way to IPv6, and are left out on the way to IPv4" {
	open66
	open64
	packets <<-'END'
		came()/client6()/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/TCP(sport=40000,dport=80,flags="A")/"x"
		=> tx forwarded to_backend()/ours6(hlim=63)/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/TCP(sport=40000,dport=8080,flags="A")/"x"
		came()/client6()/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/TCP(sport=40000,dport=64,flags="A")/"x"
		=> tx forwarded to_backend()/ours(ttl=63,flags=0,id=its_id())/TCP(sport=40000,dport=8080,flags="A")/"x"
		came()/client6()/IPv6ExtHdrRouting(segleft=1,addresses=["2001:db8::1"])/TCP(sport=40000,dport=64,flags="A") => drop unreadable
		came()/client6()/IPv6ExtHdrFragment(id=0x10007)/TCP(sport=40000,dport=64,flags="A")/"x"
		=> tx forwarded to_backend()/ours(ttl=63,flags=0,id=7)/TCP(sport=40000,dport=8080,flags="A")/"x"
	END
}

@test "NAT66: later fragments are translated like their first one, both ways" {
	open66
	packets <<-'END'
		came()/client6(nh=44)/IPv6ExtHdrFragment(offset=2,m=1,id=77,nh=6)/Raw("y"*16) => drop fragment_unknown
		came()/client6()/IPv6ExtHdrFragment(offset=0,m=1,id=77)/TCP(sport=40000,dport=80,chksum=0x1234)/("x"*4)
		=> tx forwarded to_backend()/ours6(hlim=63)/IPv6ExtHdrFragment(offset=0,m=1,id=77)/TCP(sport=40000,dport=8080,chksum=moved(0x1234,[CLIENT6,VIP6,80],[LB6,BACKEND6_ON_LAN,8080]))/("x"*4)
		came()/client6()/IPv6ExtHdrFragment(offset=3,m=0,id=77,nh=6)/Raw("y"*15)
		=> tx forwarded to_backend()/ours6(hlim=63)/IPv6ExtHdrFragment(offset=3,m=0,id=77,nh=6)/Raw("y"*15)
	END
}

@test "NAT64 and NAT46: fragments stay fragments, with the id's 16 bits that both have" {
	open64
	packets <<-'END'
		came()/client6()/IPv6ExtHdrFragment(offset=0,m=1,id=0x1004d)/TCP(sport=40000,dport=64,chksum=0x1234)/("x"*4)
		=> tx forwarded to_backend()/ours(ttl=63,flags="MF",id=0x4d)/TCP(sport=40000,dport=8080,chksum=moved(0x1234,[CLIENT6,VIP6,64],[LB,BACKEND_ON_LAN,8080]))/("x"*4)
		came()/client6()/IPv6ExtHdrFragment(offset=3,m=0,id=0x1004d,nh=6)/Raw("y"*15)
		=> tx forwarded to_backend()/ours(ttl=63,flags=0,frag=3,id=0x4d,proto=6)/Raw("y"*15)
		from_backend()/theirs(flags="MF",id=78)/TCP(sport=8080,dport=40000,chksum=0x1234)/("x"*4)
		=> tx forwarded leaves()/answer6(hlim=63,fl=0)/IPv6ExtHdrFragment(offset=0,m=1,id=78)/TCP(sport=64,dport=40000,chksum=moved(0x1234,[LB,BACKEND_ON_LAN,8080],[CLIENT6,VIP6,64]))/("x"*4)
		from_backend()/theirs(flags="MF",frag=3,id=78,proto=6)/Raw("y"*16)
		=> tx forwarded leaves()/answer6(hlim=63,fl=0)/IPv6ExtHdrFragment(offset=3,m=1,id=78,nh=6)/Raw("y"*16)
		came()/client6()/IPv6ExtHdrFragment(offset=0,m=1,id=79)/IPv6ExtHdrDestOpt()/TCP(sport=40000,dport=64)/("x"*4) => drop untranslatable
	END
	open46
	packets <<-'END'
		came()/client(flags="MF",id=78)/UDP(sport=40000,dport=46,chksum=0,len=100)/("x"*8) => drop untranslatable
		came()/client(flags="MF",id=79)/TCP(sport=40000,dport=46,chksum=0x1234)/("x"*4)
		=> tx forwarded to_backend()/ours6(hlim=63,fl=0)/IPv6ExtHdrFragment(offset=0,m=1,id=79)/TCP(sport=40000,dport=8046,chksum=moved(0x1234,[CLIENT,VIP,46],[LB6,BACKEND6_ON_LAN,8046]))/("x"*4)
	END
}

@test "NAT66: in ICMPv6 errors, the outer and the quoted packet are translated, both ways" {
	open66
	packets <<-'END'
		came()/client6(src="2001:db8:99::1")/ICMPv6PacketTooBig(mtu=1400)/quote6(answer6(hlim=61)/TCP(sport=80,dport=40000,seq=7)/("x"*1300))
		=> tx forwarded to_backend()/ours6(src="2001:db8:99::1",hlim=63)/ICMPv6PacketTooBig(mtu=1400)/quote6(theirs6(hlim=61)/TCP(sport=8080,dport=40000,seq=7)/("x"*1300))
		from_backend()/theirs6()/ICMPv6DestUnreach(code=4)/quote6(ours6(hlim=62)/TCP(sport=40000,dport=8080,seq=7)/"odd")
		=> tx forwarded leaves()/answer6(hlim=63)/ICMPv6DestUnreach(code=4)/quote6(client6(hlim=62)/TCP(sport=40000,dport=80,seq=7)/"odd")
		from_backend()/theirs6(src="2001:db8:99::1")/ICMPv6TimeExceeded()/quote6(ours6(hlim=1)/IPv6ExtHdrDestOpt()/UDP(sport=41000,dport=8080)/"x")
		=> pass not_ours
		from_backend()/theirs6(src="2001:db8:99::1")/ICMPv6TimeExceeded()/quote6(ours6(hlim=1)/IPv6ExtHdrDestOpt()/TCP(sport=40000,dport=8080)/"x")
		=> tx forwarded leaves()/answer6(src="2001:db8:99::1",hlim=63)/ICMPv6TimeExceeded()/quote6(client6(hlim=1)/IPv6ExtHdrDestOpt()/TCP(sport=40000,dport=80)/"x")
	END
}

# crosses BEFORE AFTER REST: each line of standard input has the error as it comes, and behind "|" what it becomes, or
# nothing if there is nothing like it; in front of them stand the headers, behind them the quoted packet.
crosses() {
	local in out
	while IFS='|' read -r in out; do
		echo "$in becomes $out"
		if [[ $out ]]; then
			packets <<<"$1/$in/$3"$'\n'"=> tx forwarded $2/$out/$4"
		else
			packets <<<"$1/$in/$3 => drop untranslatable"
		fi
	done
}

@test "NAT64: ICMP errors of the backend's side become ICMPv6 for the client, their quote too" {
	open64
	crosses 'from_backend()/theirs(src="10.9.9.9",tos=0xb9)' 'leaves()/answer6(src=LB6,tc=0xb9,hlim=63,fl=0)' \
		'quote(ours(ttl=9,id=7)/TCP(sport=40000,dport=8080,seq=7)/("x"*5),extra=25)' \
		'Raw(bytes(client6(hlim=9,fl=0)/TCP(sport=40000,dport=64,seq=7)/("x"*5)))' <<-'END'
			ICMP(type=3,code=0)|ICMPv6DestUnreach(code=0)
			ICMP(type=3,code=1)|ICMPv6DestUnreach(code=0)
			ICMP(type=3,code=2)|ICMPv6ParamProblem(code=1,ptr=6)
			ICMP(type=3,code=3)|ICMPv6DestUnreach(code=4)
			ICMP(type=3,code=4,nexthopmtu=1400)|ICMPv6PacketTooBig(mtu=1420)
			ICMP(type=3,code=4,nexthopmtu=1500)|ICMPv6PacketTooBig(mtu=1500)
			ICMP(type=3,code=4,nexthopmtu=600)|ICMPv6PacketTooBig(mtu=1280)
			ICMP(type=3,code=5)|ICMPv6DestUnreach(code=0)
			ICMP(type=3,code=8)|ICMPv6DestUnreach(code=0)
			ICMP(type=3,code=9)|ICMPv6DestUnreach(code=1)
			ICMP(type=3,code=10)|ICMPv6DestUnreach(code=1)
			ICMP(type=3,code=12)|ICMPv6DestUnreach(code=0)
			ICMP(type=3,code=13)|ICMPv6DestUnreach(code=1)
			ICMP(type=3,code=14)|
			ICMP(type=3,code=15)|ICMPv6DestUnreach(code=1)
			ICMP(type=3,code=16)|
			ICMP(type=11,code=0)|ICMPv6TimeExceeded(code=0)
			ICMP(type=11,code=1)|ICMPv6TimeExceeded(code=1)
			ICMP(type=12,code=0,ptr=1)|ICMPv6ParamProblem(code=0,ptr=1)
			ICMP(type=12,code=0,ptr=3)|ICMPv6ParamProblem(code=0,ptr=4)
			ICMP(type=12,code=0,ptr=4)|
			ICMP(type=12,code=0,ptr=8)|ICMPv6ParamProblem(code=0,ptr=7)
			ICMP(type=12,code=2,ptr=9)|ICMPv6ParamProblem(code=0,ptr=6)
			ICMP(type=12,code=0,ptr=10)|
			ICMP(type=12,code=0,ptr=15)|ICMPv6ParamProblem(code=0,ptr=8)
			ICMP(type=12,code=0,ptr=16)|ICMPv6ParamProblem(code=0,ptr=24)
			ICMP(type=12,code=0,ptr=20)|
			ICMP(type=12,code=1,ptr=1)|
		END
	# A router that does not tell its MTU: the next lower one that links have. Only 8 bytes are quoted.
	packets <<-'END'
		from_backend()/theirs(src="10.9.9.9")/ICMP(type=3,code=4,nexthopmtu=0)/quote(ours(ttl=9,len=1400)/TCP(sport=40000,dport=8080,seq=7))
		=> tx forwarded leaves()/answer6(src=LB6,hlim=63,fl=0)/ICMPv6PacketTooBig(mtu=1280)/Raw(bytes(client6(hlim=9,fl=0,plen=1380)/TCP(sport=40000,dport=64,seq=7))[:48])
		from_backend()/theirs(src="10.9.9.9")/ICMP(type=3,code=4,nexthopmtu=0)/quote(ours(ttl=9,len=4000)/TCP(sport=40000,dport=8080,seq=7))
		=> tx forwarded leaves()/answer6(src=LB6,hlim=63,fl=0)/ICMPv6PacketTooBig(mtu=1500)/Raw(bytes(client6(hlim=9,fl=0,plen=3980)/TCP(sport=40000,dport=64,seq=7))[:48])
		from_backend()/theirs()/ICMP(type=3,code=3)/quote(ours(ttl=9,flags="MF",id=78)/TCP(sport=40000,dport=8080,seq=7))
		=> tx forwarded leaves()/answer6(hlim=63,fl=0)/ICMPv6DestUnreach(code=4)/Raw(bytes(client6(hlim=9,fl=0)/IPv6ExtHdrFragment(m=1,id=78)/TCP(sport=40000,dport=64,seq=7))[:56])
		from_backend()/theirs()/ICMP(type=3,code=3)/quote(ours(ttl=9,options=[IPOption_NOP()]*4)/TCP(sport=40000,dport=8080,seq=7)) => drop untranslatable
		from_backend()/theirs(flags="MF",id=79)/ICMP(type=3,code=3)/quote(ours(ttl=9)/TCP(sport=40000,dport=8080,seq=7)) => drop untranslatable
	END
}

@test "NAT46: ICMPv6 errors of the backend's side become ICMP for the client, their quote too" {
	open46
	crosses 'from_backend()/theirs6(src="2001:db8:99::9",tc=0xb9)' 'leaves()/answer(src=LB,tos=0xb9,ttl=63,flags=0,id=its_id())' \
		'Raw(bytes(ours6(hlim=9,fl=0)/TCP(sport=40000,dport=8046,seq=7)/("x"*5)))' \
		'Raw(bytes(client(ttl=9,id=0,flags=0)/TCP(sport=40000,dport=46,seq=7)/("x"*5)))' <<-'END'
			ICMPv6DestUnreach(code=0)|ICMP(type=3,code=1)
			ICMPv6DestUnreach(code=1)|ICMP(type=3,code=10)
			ICMPv6DestUnreach(code=2)|ICMP(type=3,code=1)
			ICMPv6DestUnreach(code=3)|ICMP(type=3,code=1)
			ICMPv6DestUnreach(code=4)|ICMP(type=3,code=3)
			ICMPv6DestUnreach(code=5)|
			ICMPv6PacketTooBig(mtu=1400)|ICMP(type=3,code=4,nexthopmtu=1380)
			ICMPv6PacketTooBig(mtu=9000)|ICMP(type=3,code=4,nexthopmtu=1500)
			ICMPv6TimeExceeded(code=0)|ICMP(type=11,code=0)
			ICMPv6TimeExceeded(code=1)|ICMP(type=11,code=1)
			ICMPv6ParamProblem(code=0,ptr=0)|ICMP(type=12,code=0,ptr=0)
			ICMPv6ParamProblem(code=0,ptr=1)|ICMP(type=12,code=0,ptr=1)
			ICMPv6ParamProblem(code=0,ptr=2)|
			ICMPv6ParamProblem(code=0,ptr=5)|ICMP(type=12,code=0,ptr=2)
			ICMPv6ParamProblem(code=0,ptr=6)|ICMP(type=12,code=0,ptr=9)
			ICMPv6ParamProblem(code=0,ptr=7)|ICMP(type=12,code=0,ptr=8)
			ICMPv6ParamProblem(code=0,ptr=8)|ICMP(type=12,code=0,ptr=12)
			ICMPv6ParamProblem(code=0,ptr=39)|ICMP(type=12,code=0,ptr=16)
			ICMPv6ParamProblem(code=0,ptr=40)|
			ICMPv6ParamProblem(code=0,ptr=256)|
			ICMPv6ParamProblem(code=1,ptr=6)|ICMP(type=3,code=2)
			ICMPv6ParamProblem(code=2,ptr=40)|
		END
	packets <<-'END'
		from_backend()/theirs6()/IPv6ExtHdrHopByHop()/ICMPv6DestUnreach(code=4)/Raw(bytes(ours6(hlim=9,fl=0)/IPv6ExtHdrFragment(m=1,id=78)/TCP(sport=40000,dport=8046,seq=7)/("x"*4)))
		=> tx forwarded leaves()/answer(ttl=63,flags=0,id=its_id())/ICMP(type=3,code=3)/Raw(bytes(client(ttl=9,id=78,flags="MF")/TCP(sport=40000,dport=46,seq=7)/("x"*4)))
		from_backend()/theirs6()/ICMPv6DestUnreach(code=4)/Raw(bytes(ours6(hlim=9,fl=0)/IPv6ExtHdrDestOpt()/TCP(sport=40000,dport=8046,seq=7))) => drop untranslatable
		came(5)/client(src="10.9.9.9")/ICMP(type=3,code=4,nexthopmtu=1400)/quote(answer(ttl=9,flags=0)/TCP(sport=46,dport=40000,seq=7),extra=20)
		=> tx forwarded Ether(src=LB_MAC,dst="02:00:00:00:00:11")/ours6(hlim=63,fl=0)/ICMPv6PacketTooBig(mtu=1420)/Raw(bytes(theirs6(hlim=9,fl=0)/TCP(sport=8046,dport=40000,seq=7)))
	END
}

@test "NAT64: an IPv6 client's errors about answers reach the IPv4 backend" {
	open64
	packets <<-'END'
		came()/client6(src="2001:db8:99::9")/ICMPv6PacketTooBig(mtu=1400)/quote6(answer6(hlim=9,fl=0)/TCP(sport=64,dport=40000,seq=7)/("x"*1300))
		=> tx forwarded to_backend()/ours(ttl=63,flags=0,id=its_id())/ICMP(type=3,code=4,nexthopmtu=1380)/Raw(bytes(theirs(ttl=9,id=0)/TCP(sport=8080,dport=40000,seq=7)/("x"*1300))[:1212])
		came()/client6()/ICMPv6DestUnreach(code=4)/quote6(answer6(hlim=9,fl=0)/TCP(sport=64,dport=40000,seq=7)/("x"*4))
		=> tx forwarded to_backend()/ours(ttl=63,flags=0,id=its_id())/ICMP(type=3,code=3)/Raw(bytes(theirs(ttl=9,id=0,flags=0)/TCP(sport=8080,dport=40000,seq=7)/("x"*4)))
	END
}

@test "hop limit 1 is answered with time exceeded to its sender, client or backend, in its own family" {
	open66
	open64
	open46
	packets <<-'END'
		came()/client6(hlim=1)/TCP(sport=40000,dport=80,flags="A")
		=> tx ttl_answered leaves()/IPv6(src=LB6,dst=CLIENT6,hlim=64)/ICMPv6TimeExceeded()/quote6(client6(hlim=1)/TCP(sport=40000,dport=80,flags="A"))
		came()/client6(hlim=1)/TCP(sport=40000,dport=64,flags="A")
		=> tx ttl_answered leaves()/IPv6(src=LB6,dst=CLIENT6,hlim=64)/ICMPv6TimeExceeded()/quote6(client6(hlim=1)/TCP(sport=40000,dport=64,flags="A"))
		came()/client(ttl=1)/TCP(sport=40000,dport=46,flags="A")
		=> tx ttl_answered leaves()/IP(src=LB,dst=CLIENT,id=0,ttl=64)/ICMP(type=11,code=0)/quote(client(ttl=1)/TCP(sport=40000,dport=46,flags="A"))
		from_backend()/theirs6(hlim=1)/TCP(sport=8080,dport=40000,flags="A")
		=> tx ttl_answered to_backend()/IPv6(src=LB6,dst=BACKEND6_ON_LAN,hlim=64)/ICMPv6TimeExceeded()/quote6(theirs6(hlim=1)/TCP(sport=8080,dport=40000,flags="A"))
	END
}

@test "a packet that is too big for the way on is answered with the MTU that its sender should use, in its own family" {
	on lb ip route add 192.168.178.11/32 dev eth0 mtu lock 1400
	on lb ip -6 route add 2001:db8:178::11/128 dev eth0 mtu lock 1400
	lb refresh
	open66
	open64
	open46
	packets <<-'END'
		came()/client6()/TCP(sport=40000,dport=80,flags="A")/("z"*1340)
		=> tx forwarded to_backend()/ours6(hlim=63)/TCP(sport=40000,dport=8080,flags="A")/("z"*1340)
		came()/client6()/TCP(sport=40000,dport=80,flags="A")/("z"*1341)
		=> tx too_big_answered leaves()/IPv6(src=VIP6,dst=CLIENT6,hlim=64)/ICMPv6PacketTooBig(mtu=1400)/quote6(client6()/TCP(sport=40000,dport=80,flags="A")/("z"*1341))
		came()/client6()/TCP(sport=40000,dport=64,flags="A")/("z"*1360)
		=> tx forwarded to_backend()/ours(ttl=63,id=its_id())/TCP(sport=40000,dport=8080,flags="A")/("z"*1360)
		came()/client6()/TCP(sport=40000,dport=64,flags="A")/("z"*1361)
		=> tx too_big_answered leaves()/IPv6(src=VIP6,dst=CLIENT6,hlim=64)/ICMPv6PacketTooBig(mtu=1420)/quote6(client6()/TCP(sport=40000,dport=64,flags="A")/("z"*1361))
		came()/client()/TCP(sport=40000,dport=46,flags="A")/("z"*1340)
		=> tx forwarded to_backend()/ours6(hlim=63,fl=0)/TCP(sport=40000,dport=8046,flags="A")/("z"*1340)
		came()/client()/TCP(sport=40000,dport=46,flags="A")/("z"*1341)
		=> tx too_big_answered leaves()/IP(src=VIP,dst=CLIENT,id=0,ttl=64)/ICMP(type=3,code=4,nexthopmtu=1380)/quote(client()/TCP(sport=40000,dport=46,flags="A")/("z"*1341))
		came()/client(flags=0)/TCP(sport=40000,dport=46,flags="A")/("z"*1341) => drop too_big
	END
	on lb ip route del 192.168.178.11/32
	on lb ip -6 route del 2001:db8:178::11/128
	lb refresh
}

@test "what is not for a service passes untouched; late replies, broken and unreadable packets for a VIP are dropped" {
	open64 # so that answers are expected
	open66
	packets <<-'END'
		came()/client6(dst=LB6)/TCP(sport=8080,dport=22,flags="S") => pass not_ours
		came()/client6(dst="2001:db8:178::11")/TCP(sport=40000,dport=80,flags="S") => pass not_ours
		came()/client6()/ICMPv6EchoRequest(data="ping") => pass not_ours
		came()/client6()/TCP(sport=40000,dport=81,flags="S") => pass not_ours
		came()/client6(plen=100)/TCP(sport=40000,dport=80,flags="S") => drop malformed
		came()/client6()/TCP(sport=40001,dport=80,flags="A") => drop no_connection
		from_backend()/theirs6()/TCP(sport=8080,dport=40009,flags="A") => drop late_reply
		from_backend()/theirs6()/UDP(sport=8080,dport=65535) => drop late_reply
		from_backend()/theirs6()/TCP(sport=8080,dport=9999,flags="A") => pass not_ours
		came()/client6()/TCP(sport=40000,dport=8002,flags="S") => drop no_backend
	END
}

@test "a socket on the load balancer gets its IPv6 packets, even on a port of the pool, which is lent to nobody" {
	background lb /usr/bin/python3 -c '
import socket, time
t = socket.socket(socket.AF_INET6); t.bind(("2001:db8:178::10", 40000)); t.listen()
time.sleep(60)'
	wait_for 5 on lb grep -q ":9C40 " /proc/net/tcp6
	lb nat set ports 40000-40000
	packets <<-'END'
		came()/client6()/TCP(sport=40000,dport=80,flags="S") => drop ports_exhausted
		came()/client6(dst=LB6)/TCP(sport=999,dport=40000,flags="S") => pass not_ours
		came()/client6()/UDP(sport=40000,dport=80)/"x"
		=> tx forwarded to_backend()/ours6(hlim=63)/UDP(sport=40000,dport=8080)/"x"
	END
	on lb pkill -f 40000
	wait_for 5 bash -c '! scripts/node exec lb grep -q ":9C40 " /proc/net/tcp6'
}

@test "a backend on another interface is reached by redirect, without VLAN tags" {
	packets <<-'END'
		came(5)/client6()/TCP(sport=40000,dport=8001,flags="S")
		=> redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/ours6(dst="2001:db8:20::20",hlim=63)/TCP(sport=40000,dport=8001,flags="S")
	END
}

@test "a connection whose backend has failed is reset, in the client's family" {
	open66
	open64
	open46
	local vip
	for vip in "[$VIP6]:80 [2001:db8:178::11]:8080" "[$VIP6]:64 192.168.178.11:8080" "192.168.178.15:46 [2001:db8:178::11]:8046"; do
		# shellcheck disable=SC2086 # words
		lb backend set tcp $vip down
	done
	packets <<-'END'
		came()/client6()/IPv6ExtHdrDestOpt()/TCP(sport=40000,dport=80,flags="PA",seq=101,ack=501)/"more"
		=> tx reset leaves()/answer6(hlim=64,fl=0)/TCP(sport=80,dport=40000,flags="R",seq=501,window=0)
		came()/client6()/TCP(sport=40000,dport=64,flags="PA",seq=101,ack=501)/"more"
		=> tx reset leaves()/answer6(hlim=64,fl=0)/TCP(sport=64,dport=40000,flags="R",seq=501,window=0)
		came(5)/client()/TCP(sport=40000,dport=46,flags="PA",seq=101,ack=501)/"more"
		=> tx reset leaves(5)/answer(ttl=64,id=0,flags=0)/TCP(sport=46,dport=40000,flags="R",seq=501,window=0)
	END
	for vip in "[$VIP6]:80 [2001:db8:178::11]:8080" "[$VIP6]:64 192.168.178.11:8080" "192.168.178.15:46 [2001:db8:178::11]:8046"; do
		# shellcheck disable=SC2086 # words
		lb backend set tcp $vip up
	done
	[ "$(connections)" -eq 0 ]
	[ "$(connections 6)" -eq 0 ]
}

@test "a FIN from both sides closes a connection between the families, and its port is free again" {
	lb nat set closing 1
	open64
	packets <<-'END'
		came()/client6()/TCP(sport=40000,dport=64,flags="FA")
		=> tx forwarded to_backend()/ours(ttl=63,flags=0,id=its_id())/TCP(sport=40000,dport=8080,flags="FA")
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="FA")
		=> tx forwarded leaves()/answer6(hlim=63,fl=0)/TCP(sport=64,dport=40000,flags="FA")
	END
	sleep 2
	packets <<-'END'
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="A") => drop late_reply
	END
	[ "$(connections)" -eq 0 ]
	[ "$(connections 6)" -eq 0 ]
	open64
}

@test "a backend of a family in which the load balancer has no address gets nothing" {
	lb service add tcp 192.168.178.15:47
	lb backend add tcp 192.168.178.15:47 "[2001:db8:178::11]:8080"
	on lb bash -c '. maps/all.sh; . scripts/lib/common.sh 2>/dev/null; cd '"$MAPS"' && bpftool -j map lookup pinned $PWD/load_balancer key 0 0 0 0 |
		jq -r "[.value[:64][], (range(16) | \"0\"), .value[80:][]] | join(\" \")" >/tmp/value.$$; bpftool map update pinned $PWD/load_balancer key 0 0 0 0 value $(cat /tmp/value.$$); rm /tmp/value.$$'
	packets <<-'END'
		came()/client()/TCP(sport=40001,dport=47,flags="S") => drop no_address
	END
	lb set address 2001:db8:178::10
	lb service del tcp 192.168.178.15:47
}
