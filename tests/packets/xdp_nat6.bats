#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# xdp_nat with IPv6: NAT66, and NAT64 and NAT46, where client and backend are of different families (RFC 7915). Row by
# row, as xdp_nat.bats does it for IPv4.

load ../lib/helper

VIP6=2001:db8:178::15

# serve VIP PORT BACKEND: a TCP service of a VIP, and a UDP service with the same port.
serve() {
	local protocol
	for protocol in tcp udp; do
		lb service add "$protocol" "$1:$2"
		lb backend add "$protocol" "$1:$2" "$3"
	done
}

setup_file() {
	one_load_balancer
	speak_ipv6
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb ip neigh replace 2001:db8:178::11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb attach nat eth0
	lb set address 2001:db8:178::10
	serve "[$VIP6]" 80 "[2001:db8:178::11]:8080" # NAT66
	serve "[$VIP6]" 64 "192.168.178.11:8080"     # NAT64
	serve 192.168.178.15 46 "[2001:db8:178::11]:8080"
	serve "[$VIP6]" 8001 2001:db8:20::20
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
		=> tx forwarded to_backend()/ours6(hlim=63,fl=0)/TCP(sport=40000,dport=8080,flags="S",seq=100,options=[("MSS",1460)])
		from_backend()/theirs6()/TCP(sport=8080,dport=40000,flags="SA",seq=500,ack=101)
		=> tx forwarded leaves()/answer(ttl=63,flags=0,id=its_id())/TCP(sport=46,dport=40000,flags="SA",seq=500,ack=101)
		came()/client()/TCP(sport=40000,dport=46,flags="A",seq=101,ack=501)
		=> tx forwarded to_backend()/ours6(hlim=63,fl=0)/TCP(sport=40000,dport=8080,flags="A",seq=101,ack=501)
	END
}

# client:40000 -> VIP:80   =>  lb:40000 -> backend:8080,  and back
@test "NAT66: addresses and ports of requests and replies are rewritten; the flow label stays" {
	open66
	packets <<-'END'
		came()/client6()/TCP(sport=40000,dport=80,flags="PA",seq=101,ack=501)/"odd"/Padding("\xff"*7)
		=> tx forwarded to_backend()/ours6(hlim=63)/TCP(sport=40000,dport=8080,flags="PA",seq=101,ack=501)/"odd"/Padding("\xff"*7)
		from_backend()/theirs6(tc=3)/TCP(sport=8080,dport=40000,flags="PA",seq=501,ack=104)/"200"
		=> tx forwarded leaves()/answer6(tc=3,hlim=63)/TCP(sport=80,dport=40000,flags="PA",seq=501,ack=104)/"200"
		came(5)/client6()/TCP(sport=40000,dport=80,flags="A")
		=> tx forwarded Ether(src=LB_MAC,dst="02:00:00:00:00:11")/Dot1Q(vlan=5)/ours6(hlim=63)/TCP(sport=40000,dport=8080,flags="A")
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
		=> tx forwarded Ether(src=LB_MAC,dst="02:00:00:00:00:11")/Dot1Q(vlan=5)/ours(ttl=63,flags=0,id=its_id())/TCP(sport=40000,dport=8080,flags="A")
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
		=> tx forwarded to_backend()/ours6(tc=0xb9,hlim=63,fl=0)/TCP(sport=40000,dport=8080,flags="PA",seq=101,ack=501)/"odd"/Padding("\xff"*7)
		from_backend()/theirs6(tc=3)/TCP(sport=8080,dport=40000,flags="PA",seq=501,ack=104)/"200"
		=> tx forwarded leaves()/answer(tos=3,ttl=63,flags=0,id=its_id())/TCP(sport=46,dport=40000,flags="PA",seq=501,ack=104)/"200"
		came()/client()/UDP(sport=40000,dport=46,chksum=0)/"odd"
		=> tx forwarded to_backend()/ours6(hlim=63,fl=0)/UDP(sport=40000,dport=8080)/"odd"
		from_backend()/theirs6()/UDP(sport=8080,dport=40000)/("z"*1001)
		=> tx forwarded leaves()/answer(ttl=63,flags=0,id=its_id())/UDP(sport=46,dport=40000)/("z"*1001)
		came(5,6)/client()/TCP(sport=40000,dport=46,flags="A")
		=> tx forwarded Ether(src=LB_MAC,dst="02:00:00:00:00:11")/Dot1Q(vlan=5)/Dot1Q(vlan=6)/ours6(hlim=63,fl=0)/TCP(sport=40000,dport=8080,flags="A")
	END
	[ "$(connections 6)" -eq 1 ]
	[ "$(connections)" -eq 1 ]
	[ "$(on lb bash -c '. maps/all.sh; bpftool -j map dump pinned '"$MAPS"'/conntrack | conntrack_decode')" = \
		'[{"protocol":"tcp","client":"10.0.0.20:40000","vip":"192.168.178.15:46","lb":"[2001:db8:178::10]:40000","backend":"[2001:db8:178::11]:8080"}]' ]
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
		=> tx forwarded to_backend()/ours6(hlim=63,fl=0)/IPv6ExtHdrFragment(offset=0,m=1,id=79)/TCP(sport=40000,dport=8080,chksum=moved(0x1234,[CLIENT,VIP,46],[LB6,BACKEND6_ON_LAN,8080]))/("x"*4)
	END
}
