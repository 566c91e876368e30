#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# xdp_ipip, packet by packet: the table in the program's header comment, row by row.

load ../lib/helper

setup_file() {
	one_load_balancer
	lb attach ipip eth0
	on lb ip route add unreachable 172.30.0.0/24
	on lb ip route add 172.16.5.0/24 via 192.168.178.2 mtu lock 1400
	on lb ip neigh replace 172.20.0.99 dev eth1 nud permanent lladdr 02:00:00:00:01:99
	lb restore - <<-END
		$(tcp_and_udp 192.168.178.15:8000 172.16.0.10)
		# A service whose backend is on another interface, and one without any backend.
		service tcp 192.168.178.15:8001
		backend 172.20.0.20
		service tcp 192.168.178.15:8002
		# Backends that cannot be reached: no route, and nobody at home.
		service tcp 192.168.178.15:8003
		backend 172.30.0.1
		service tcp 192.168.178.15:8004
		backend 172.20.0.99
		# A backend behind a route with a smaller MTU.
		service tcp 192.168.178.15:8005
		backend 172.16.5.10
	END
	on lb ip neigh del 172.20.0.99 dev eth1
}

teardown_file() {
	scripts/node destroy --all
}

# client -> VIP:8000  =>  lb -> backend [ client -> VIP:8000 ]
@test "TCP for a service is wrapped for its backend, and its TTL is one less" {
	packet 'came()/client()/TCP(sport=40000,dport=8000,flags="S")/"hello"' tx forwarded \
		'leaves()/tunnel()/client(ttl=63)/TCP(sport=40000,dport=8000,flags="S")/"hello"'
}

@test "UDP for a service is wrapped as well, even with checksum 0 and an odd length" {
	packet 'came()/client()/UDP(sport=40000,dport=8000,chksum=0)/"odd"' tx forwarded \
		'leaves()/tunnel()/client(ttl=63)/UDP(sport=40000,dport=8000,chksum=0)/"odd"'
}

@test "TCP and UDP of one port are two services" {
	packet 'came()/client()/UDP(sport=40000,dport=8001)' pass not_ours
}

@test "padding of a short frame is not part of the packet" {
	packet 'came()/client()/UDP(sport=40000,dport=8000)/"x"/Padding("\xaa"*17)' tx forwarded \
		'leaves()/tunnel()/client(ttl=63)/UDP(sport=40000,dport=8000)/"x"/Padding("\xaa"*17)'
}

@test "IP options stay on the inner packet" {
	packet 'came()/client(options=[IPOption_RR(routers=["0.0.0.0"]*3)])/TCP(dport=8000)' tx forwarded \
		'leaves()/tunnel()/client(ttl=63,options=[IPOption_RR(routers=["0.0.0.0"]*3)])/TCP(dport=8000)'
}

@test "DSCP and ECN are copied to the outer header" {
	packet 'came()/client(tos=0xb9)/TCP(dport=8000)' tx forwarded \
		'leaves()/tunnel(tos=0xb9)/client(tos=0xb9,ttl=63)/TCP(dport=8000)'
}

@test "the outer header has DF even if the inner one does not" {
	packet 'came()/client(flags=0)/TCP(dport=8000)' tx forwarded \
		'leaves()/tunnel()/client(flags=0,ttl=63)/TCP(dport=8000)'
}

@test "one or two VLAN tags go: the way to the backend leads through no VLAN device" {
	packet 'came(100)/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	packet 'came(100,200)/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
}

@test "a packet with three VLAN tags passes untouched" {
	packet 'came(1,2,3)/client()/TCP(dport=8000)' pass not_ours
}

@test "a backend on another interface is reached by redirect" {
	packet 'came()/client()/TCP(dport=8001)' redirect redirected \
		'Ether(src=LB_MAC1,dst=FAR_MAC1)/tunnel("172.20.0.20")/client(ttl=63)/TCP(dport=8001)'
}

@test "VLAN tags are removed on the way to another interface" {
	packet 'came(7)/client()/TCP(dport=8001)' redirect redirected \
		'Ether(src=LB_MAC1,dst=FAR_MAC1)/tunnel("172.20.0.20")/client(ttl=63)/TCP(dport=8001)'
	packet 'came(7,8)/client()/TCP(dport=8001)' redirect redirected \
		'Ether(src=LB_MAC1,dst=FAR_MAC1)/tunnel("172.20.0.20")/client(ttl=63)/TCP(dport=8001)'
}

@test "what is not for a service passes untouched" {
	packet 'came()/client()/TCP(dport=22)' pass not_ours
	packet 'came()/client(dst=LB)/TCP(dport=8000)' pass not_ours
	packet 'came()/client(dst=LB)/TCP(sport=8000,dport=40000)' pass not_ours
	packet 'came()/client(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=40000)' pass not_ours
	packet 'came()/client()/GRE()' pass not_ours
	packet 'came()/client(proto=132)/Raw("SCTP, say")' pass not_ours
}

@test "ARP, IPv6, runts and broadcasts pass untouched" {
	packet 'Ether(src=GATEWAY_MAC,dst="ff:ff:ff:ff:ff:ff")/ARP(pdst=VIP)' pass not_ours
	packet 'came()/IPv6(dst="fd00::15")/TCP(dport=8000)' pass not_ours
	packet 'came()' pass not_ours
	packet 'came()/Raw(bytes(client()/TCP(dport=8000))[:19])' pass not_ours
	packet 'Ether(src=GATEWAY_MAC,dst="ff:ff:ff:ff:ff:ff")/client()/TCP(dport=8000)' pass not_ours
}

@test "ICMP echo to the VIP is left to the kernel" {
	packet 'came()/client()/ICMP()/"ping"' pass not_ours
}

@test "fragments and IP options that are not for a service pass untouched" {
	packet 'came()/client(dst=LB,flags="MF")/UDP(dport=8000)/("x"*16)' pass not_ours
	packet 'came()/client(dst=LB,flags=0,frag=3)/Raw("x"*16)' pass not_ours
	packet 'came()/client(dst=LB,options=[IPOption_NOP()])/TCP(dport=8000)' pass not_ours
}

@test "lengths that disagree are dropped when they are for a VIP" {
	packet 'came()/client(ihl=4)/TCP(dport=8000)' drop malformed
	packet 'came()/client(ihl=15)/TCP(dport=8000)' drop malformed
	packet 'came()/client(version=5)/TCP(dport=8000)' drop malformed
	packet 'came()/client(len=19)/TCP(dport=8000)' drop malformed
	packet 'came()/client(len=41)/TCP(dport=8000)' drop malformed
	packet 'came()/client(len=65535)/TCP(dport=8000)' drop malformed
	packet 'came()/client(len=39)/TCP(dport=8000)' drop malformed
	packet 'came()/client()/TCP(dport=8000,dataofs=4)' drop malformed
	packet 'came()/client()/TCP(dport=8000,dataofs=6)' drop malformed
	packet 'came()/client()/UDP(dport=8000,len=7)' drop malformed
	packet 'came()/client()/UDP(dport=8000,len=9)' drop malformed
	packet 'came()/client(proto=17)/Raw("\x00"*7)' drop malformed
}

@test "lengths that disagree are left to the kernel when they are not for a VIP" {
	packet 'came()/client(dst=LB,ihl=4)/TCP(dport=8000)' pass not_ours
	packet 'came()/client(dst=LB,len=41)/TCP(dport=8000)' pass not_ours
	packet 'came()/client(dst=LB)/UDP(dport=8000,len=7)' pass not_ours
}

@test "later fragments follow their first one" {
	packet 'came()/client(flags="MF",id=77)/UDP(sport=40000,dport=8000,len=1000)/("x"*16)' tx forwarded \
		'leaves()/tunnel()/client(flags="MF",id=77,ttl=63)/UDP(sport=40000,dport=8000,len=1000)/("x"*16)'
	packet 'came()/client(flags="MF",frag=3,id=77,proto=17)/Raw("y"*16)' tx forwarded \
		'leaves()/tunnel()/client(flags="MF",frag=3,id=77,ttl=63,proto=17)/Raw("y"*16)'
	packet 'came()/client(flags=0,frag=5,id=77,proto=17)/Raw("z"*3)' tx forwarded \
		'leaves()/tunnel()/client(flags=0,frag=5,id=77,ttl=63,proto=17)/Raw("z"*3)'
}

@test "a later fragment whose first one was not seen is dropped" {
	packet 'came()/client(flags=0,frag=5,id=78,proto=17)/Raw("z"*3)' drop fragment_unknown
	packet 'came()/client(flags=0,frag=5,id=77,proto=6)/Raw("z"*3)' drop fragment_unknown
	packet 'came()/client(src="10.0.0.21",flags=0,frag=5,id=77,proto=17)/Raw("z"*3)' drop fragment_unknown
}

@test "fragments of an ICMP error follow its own header, not the one that it quotes" {
	packet 'came()/client(src="10.0.0.2",flags="MF",id=901)/ICMP(type=11)/quote(client(src=VIP,dst=CLIENT)/UDP(sport=8000,dport=40000),12)' \
		tx forwarded \
		'leaves()/tunnel()/client(src="10.0.0.2",flags="MF",id=901,ttl=63)/ICMP(type=11)/quote(client(src=VIP,dst=CLIENT)/UDP(sport=8000,dport=40000),12)'
	packet 'came()/client(src="10.0.0.2",flags=0,frag=5,id=901,proto=1)/Raw("x"*9)' tx forwarded \
		'leaves()/tunnel()/client(src="10.0.0.2",flags=0,frag=5,id=901,proto=1,ttl=63)/Raw("x"*9)'
}

@test "an ICMP error cannot redirect another client's fragments by quoting them" {
	local error='ICMP(type=11)/quote(client(src=VIP,dst=CLIENT)/TCP(sport=8001,dport=40000),12)'
	packet 'came()/client(flags="MF",id=902)/UDP(sport=40000,dport=8000,len=1000)/("x"*16)' tx forwarded \
		'leaves()/tunnel()/client(flags="MF",id=902,ttl=63)/UDP(sport=40000,dport=8000,len=1000)/("x"*16)'
	packet 'came()/client(src="10.66.6.6",flags="MF",id=902)/'"$error" \
		redirect redirected \
		'Ether(src=LB_MAC1,dst=FAR_MAC1)/tunnel("172.20.0.20")/client(src="10.66.6.6",flags="MF",id=902,ttl=63)/'"$error"
	packet 'came()/client(flags=0,frag=3,id=902,proto=17)/Raw("y"*16)' tx forwarded \
		'leaves()/tunnel()/client(flags=0,frag=3,id=902,ttl=63,proto=17)/Raw("y"*16)'
}

@test "fragments of a long ping or of a packet for no service go to the kernel, too" {
	packet 'came()/client(flags="MF",id=903)/ICMP()/("x"*16)' pass not_ours
	packet 'came()/client(flags=0,frag=3,id=903,proto=1)/Raw("y"*16)' pass not_ours
	packet 'came()/client(flags="MF",id=904)/UDP(dport=22,len=1000)/("x"*16)' pass not_ours
	packet 'came()/client(flags=0,frag=3,id=904,proto=17)/Raw("y"*16)' pass not_ours
	# also when the id was that of a packet for a service before
	packet 'came()/client(flags="MF",id=905)/UDP(sport=40000,dport=8000,len=1000)/("x"*16)' tx forwarded \
		'leaves()/tunnel()/client(flags="MF",id=905,ttl=63)/UDP(sport=40000,dport=8000,len=1000)/("x"*16)'
	packet 'came()/client(flags="MF",id=905)/UDP(dport=22,len=1000)/("x"*16)' pass not_ours
	packet 'came()/client(flags=0,frag=3,id=905,proto=17)/Raw("y"*16)' pass not_ours
}

@test "a first fragment may end within the TCP options" {
	packet 'came()/client(flags="MF",id=906,proto=6)/Raw(bytes(TCP(dport=8000,dataofs=10))[:20]+b"\x01"*4)' tx forwarded \
		'leaves()/tunnel()/client(flags="MF",id=906,proto=6,ttl=63)/Raw(bytes(TCP(dport=8000,dataofs=10))[:20]+b"\x01"*4)'
}

@test "an ICMP error about a connection goes to the backend that has it" {
	local kind
	for kind in 'type=3,code=4,nexthopmtu=1400' 'type=3,code=1' 'type=11,code=0' 'type=12,code=0'; do
		packet "came()/client(src='10.0.0.2')/ICMP($kind)/quote(client(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=40000))" \
			tx forwarded \
			"leaves()/tunnel()/client(src='10.0.0.2',ttl=63)/ICMP($kind)/quote(client(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=40000))"
	done
}

@test "an ICMP error may quote a packet with IP options" {
	packet 'came()/client(src="10.0.0.2")/ICMP(type=11)/quote(client(src=VIP,dst=CLIENT,options=[IPOption_NOP()]*4)/UDP(sport=8000,dport=40000))' \
		tx forwarded \
		'leaves()/tunnel()/client(src="10.0.0.2",ttl=63)/ICMP(type=11)/quote(client(src=VIP,dst=CLIENT,options=[IPOption_NOP()]*4)/UDP(sport=8000,dport=40000))'
}

@test "an ICMP error about something else is left to the kernel" {
	# another port; a packet that the VIP did not send; too short a quote; a quoted fragment
	packet 'came()/client(src="10.0.0.2")/ICMP(type=3,code=1)/quote(client(src=VIP,dst=CLIENT)/TCP(sport=22,dport=40000))' pass not_ours
	packet 'came()/client(src="10.0.0.2")/ICMP(type=3,code=1)/quote(client(src=LB,dst=CLIENT)/TCP(sport=8000,dport=40000))' pass not_ours
	packet 'came()/client(src="10.0.0.2")/ICMP(type=3,code=1)/quote(client(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=40000),7)' pass not_ours
	packet 'came()/client(src="10.0.0.2")/ICMP(type=3,code=1)/quote(client(src=VIP,dst=CLIENT,frag=2)/TCP(sport=8000,dport=40000))' pass not_ours
	packet 'came()/client(src="10.0.0.2")/ICMP(type=3,code=1)/quote(client(src=VIP,dst=CLIENT)/ICMP())' pass not_ours
	packet 'came()/client(src="10.0.0.2")/ICMP(type=5,code=1)/quote(client(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=40000))' pass not_ours
}

@test "a packet for a service without backends is dropped" {
	packet 'came()/client()/TCP(dport=8002)' drop no_backend
}

@test "a packet is dropped when there is no route to the backend" {
	packet 'came()/client()/TCP(dport=8003)' drop no_route
}

@test "a packet is dropped when the next hop's MAC address is unknown" {
	packet 'came()/client()/TCP(dport=8004)' drop no_neighbour
}

@test "a packet is dropped as forwarding_off when forwarding is off" {
	lb service add tcp 192.168.178.15:8006 # a next hop that is not cached yet
	lb backend add tcp 192.168.178.15:8006 172.16.0.66
	on lb sysctl -qw net.ipv4.ip_forward=0
	run packet 'came()/client()/TCP(dport=8006)' drop forwarding_off
	on lb sysctl -qw net.ipv4.ip_forward=1
	[ "$status" -eq 0 ] || {
		echo "$output"
		false
	}
}

@test "a packet is dropped when the load balancer does not know its own address" {
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/load_balancer" key 0 0 0 0 \
		value $(. maps/all.sh && load_balancer 0.0.0.0 "$(random_hash_key)" 0 0)
	run packet 'came()/client()/TCP(dport=8000)' drop no_address
	lb set address 192.168.178.10
	[ "$status" -eq 0 ] || {
		echo "$output"
		false
	}
}

@test "TTL 1 is answered with time exceeded from the load balancer's address" {
	packet 'came()/client(ttl=1)/TCP(sport=40000,dport=8000)/("x"*100)' tx ttl_answered \
		'leaves()/IP(src=LB,dst=CLIENT,id=0,ttl=64)/ICMP(type=11,code=0)/quote(client(ttl=1)/TCP(sport=40000,dport=8000)/("x"*100))'
	packet 'came(5)/client(ttl=0,options=[IPOption_NOP()]*40)/UDP(dport=8000)' tx ttl_answered \
		'leaves(5)/IP(src=LB,dst=CLIENT,id=0,ttl=64)/ICMP(type=11,code=0)/quote(client(ttl=0,options=[IPOption_NOP()]*40)/UDP(dport=8000))'
}

@test "an ICMP error or a later fragment with TTL 1 is dropped without an answer" {
	packet 'came()/client(src="10.0.0.2",ttl=1)/ICMP(type=11)/quote(client(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=40000))' drop ttl_expired
	packet 'came()/client(flags="MF",id=79)/UDP(dport=8000,len=1000)/("x"*16)' tx forwarded \
		'leaves()/tunnel()/client(flags="MF",id=79,ttl=63)/UDP(dport=8000,len=1000)/("x"*16)'
	packet 'came()/client(flags=0,frag=5,id=79,proto=17,ttl=1)/Raw("z"*3)' drop ttl_expired
}

@test "a source address that is no single host gets no ICMP error" {
	local source
	for source in 0.0.0.0 127.0.0.1 224.0.0.1 255.255.255.255 240.0.0.1 192.168.178.15 192.168.178.10; do
		packet "came()/client(src='$source',ttl=1)/UDP(dport=8000)" drop ttl_expired
	done
	packet 'came()/client(src="224.0.0.1")/TCP(dport=8000)/("x"*1441)' drop too_big
}

@test "the largest packet that fits goes through" {
	packet 'came()/client()/TCP(dport=8000)/("x"*1440)' tx forwarded \
		'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)/("x"*1440)'
}

@test "one byte more with DF is answered with fragmentation needed from the VIP" {
	packet 'came()/client()/TCP(dport=8000)/("x"*1441)' tx too_big_answered \
		'leaves()/IP(src=VIP,dst=CLIENT,id=0,ttl=64)/ICMP(type=3,code=4,nexthopmtu=1480)/quote(client()/TCP(dport=8000)/("x"*1441))'
}

@test "the route's MTU counts as well as the interface's" {
	packet 'came()/client()/TCP(dport=8005)/("x"*1340)' tx forwarded \
		'leaves()/tunnel("172.16.5.10")/client(ttl=63)/TCP(dport=8005)/("x"*1340)'
	packet 'came(9)/client()/TCP(dport=8005)/("x"*1341)' tx too_big_answered \
		'leaves(9)/IP(src=VIP,dst=CLIENT,id=0,ttl=64)/ICMP(type=3,code=4,nexthopmtu=1380)/quote(client()/TCP(dport=8005)/("x"*1341))'
}

@test "one byte more without DF is dropped, because XDP cannot fragment" {
	packet 'came()/client(flags=0)/TCP(dport=8000)/("x"*1441)' drop too_big
}

@test "ICMP errors over the budget are not sent" {
	local program map
	program=$(on lb ip -j -d link show dev eth0 | jq '.[0].xdp.prog.id')
	for map in $(on lb bpftool -j prog show id "$program" | jq '.map_ids[]'); do
		[ "$(on lb bpftool -j map show id "$map" | jq -r .name)" != icmp_budgets ] || break
	done
	# struct icmp_budget, on every CPU: a period that ends in ages, and 99 errors sent
	on lb bpftool map update id "$map" key 0 0 0 0 value 0 0 0 0 0 0 0 127 99 0 0 0 0 0 0 0
	packet 'came()/client(ttl=1)/UDP(dport=8000)' tx ttl_answered \
		'leaves()/IP(src=LB,dst=CLIENT,id=0,ttl=64)/ICMP(type=11,code=0)/quote(client(ttl=1)/UDP(dport=8000))'
	on lb bpftool map update id "$map" key 0 0 0 0 value 0 0 0 0 0 0 0 127 100 0 0 0 0 0 0 0
	packet 'came()/client(ttl=1)/UDP(dport=8000)' drop icmp_limited
	packet 'came()/client()/TCP(dport=8000)/("x"*1441)' drop icmp_limited
	# and a period that is over
	on lb bpftool map update id "$map" key 0 0 0 0 value 0 0 0 0 0 0 0 0 100 0 0 0 0 0 0 0
	packet 'came()/client(ttl=1)/UDP(dport=8000)' tx ttl_answered \
		'leaves()/IP(src=LB,dst=CLIENT,id=0,ttl=64)/ICMP(type=11,code=0)/quote(client(ttl=1)/UDP(dport=8000))'
}

@test "a new backend with the id of a deleted one takes effect at once" {
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	lb backend del tcp 192.168.178.15:8000 172.16.0.10
	lb backend add tcp 192.168.178.15:8000 172.20.0.20
	packet 'came()/client()/TCP(dport=8000)' redirect redirected \
		'Ether(src=LB_MAC1,dst=FAR_MAC1)/tunnel("172.20.0.20")/client(ttl=63)/TCP(dport=8000)'
	lb backend del tcp 192.168.178.15:8000 172.20.0.20
	lb backend add tcp 192.168.178.15:8000 172.16.0.10
}

@test "a health check goes to the backend that its port means, whatever the hash or its state say" {
	local id down
	lb attach ipip eth1
	probes_come_from eth1
	lb backend add tcp 192.168.178.15:8000 172.16.0.11 down
	id=$(listed_id 172.16.0.10) down=$(listed_id 172.16.0.11)
	# ports 61000-61003 mean the first entry, 61004-61007 the second; nobody has the third
	on lb bpftool map update pinned "$MAPS/probes" key 0 0 0 0 value "$id" 0 0 0
	on lb bpftool map update pinned "$MAPS/probes" key 1 0 0 0 value "$down" 0 0 0
	packets eth1 <<-END
		came()/client(src=LB)/TCP(sport=61000,dport=8000,flags="S")
		=> redirect probe leaves()/tunnel()/client(src=LB,ttl=63)/TCP(sport=61000,dport=8000,flags="S")
		came()/client(src=LB)/TCP(sport=61003,dport=8000,flags="A")/"GET /"
		=> redirect probe leaves()/tunnel()/client(src=LB,ttl=63)/TCP(sport=61003,dport=8000,flags="A")/"GET /"
		came()/client(src=LB)/TCP(sport=61004,dport=8000,flags="S")
		=> redirect probe leaves()/tunnel(to="172.16.0.11")/client(src=LB,ttl=63)/TCP(sport=61004,dport=8000,flags="S")
		came()/client(src=LB)/TCP(sport=61008,dport=8000) => drop no_backend
		came()/client(src=LB)/TCP(sport=60999,dport=8000) => drop no_backend
		came()/client(src=LB)/TCP(sport=65096,dport=8000) => drop no_backend
		came()/client(src=LB)/TCP(sport=61000,dport=9999) => pass not_ours
	END
	lb backend del tcp 192.168.178.15:8000 172.16.0.11
	packets eth1 <<<'came()/client(src=LB)/TCP(sport=61004,dport=8000) => drop no_backend' # it is free now
	# from anywhere else, such a packet is like any other
	packet 'came()/client(src=LB)/TCP(sport=61004,dport=8000)' tx forwarded \
		'leaves()/tunnel()/client(src=LB,ttl=63)/TCP(sport=61004,dport=8000)'
	lb detach eth1
}

@test "what a backend answers to a health check goes to the one who checks, and nothing else does" {
	answers_go_to_the_prober
}

@test "a frame of several pages goes through the section xdp.frags" {
	on switch ip link set dev lb.eth1 xdp off # it is not for such frames
	on lb ip link set eth1 mtu 9000
	lb detach eth0
	on lb ip link set dev eth0 xdp obj bpf/xdp_ipip.o sec xdp.frags
	lb set address 192.168.178.10 # the maps are new
	lb service add tcp 192.168.178.15:8001
	lb backend add tcp 192.168.178.15:8001 172.20.0.20
	packet 'came()/client()/TCP(dport=8001)/("x"*8000)' redirect redirected \
		'Ether(src=LB_MAC1,dst=FAR_MAC1)/tunnel("172.20.0.20")/client(ttl=63)/TCP(dport=8001)/("x"*8000)'
	packet 'came()/client(len=8041)/TCP(dport=8001)/("x"*8000)' drop malformed
}
