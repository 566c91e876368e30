#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# xdp_l2dsr, packet by packet: the table in the program's header comment, row by row.

load ../lib/helper

setup_file() {
	one_load_balancer
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb ip neigh replace 192.168.178.3 dev eth0 lladdr 02:00:00:00:00:03 nud permanent
	on lb ip route add 172.17.0.0/24 via 192.168.178.3
	on lb ip route add unreachable 172.30.0.0/24
	lb attach l2dsr eth0
	lb restore - <<-END
		$(tcp_and_udp 192.168.178.15:8000 192.168.178.11)
		# A service whose backend is on another interface, one without, and backends that cannot be reached.
		service tcp 192.168.178.15:8001
		backend 172.20.0.20
		service tcp 192.168.178.15:8002
		service tcp 192.168.178.15:8003
		backend 172.30.0.1
		service tcp 192.168.178.15:8004
		backend 172.20.0.99
		# A backend behind the gateway, and one behind another router.
		service tcp 192.168.178.15:8005
		backend 172.16.0.10
		service tcp 192.168.178.15:8006
		backend 172.17.0.10
	END
}

teardown_file() {
	scripts/node destroy --all
}

# The way to the backend.
to_backend='Ether(src=LB_MAC,dst="02:00:00:00:00:11")'

@test "TCP for a service goes to its backend, and only the MAC addresses change" {
	packet 'came()/client()/TCP(sport=40000,dport=8000,flags="S")/"hello"' tx forwarded \
		"$to_backend"'/client()/TCP(sport=40000,dport=8000,flags="S")/"hello"'
}

@test "UDP goes to its backend in the same way, with IP options, padding and TTL 1" {
	packet 'came()/client(ttl=1,tos=3,options=[IPOption_NOP()]*4)/UDP(dport=8000,chksum=0)/"x"/Padding("\xaa"*9)' tx forwarded \
		"$to_backend"'/client(ttl=1,tos=3,options=[IPOption_NOP()]*4)/UDP(dport=8000,chksum=0)/"x"/Padding("\xaa"*9)'
}

@test "a packet of the interface's full MTU goes through" {
	packet 'came()/client()/TCP(dport=8000)/("x"*1460)' tx forwarded \
		"$to_backend"'/client()/TCP(dport=8000)/("x"*1460)'
}

@test "a packet above the MTU of the backend's interface is answered, or dropped without DF" {
	on lb ip link set eth1 mtu 1400
	packet 'came()/client()/TCP(dport=8001)/("x"*1361)' tx too_big_answered \
		'leaves()/IP(src=VIP,dst=CLIENT,id=0,ttl=64)/ICMP(type=3,code=4,nexthopmtu=1400)/quote(client()/TCP(dport=8001)/("x"*1361))'
	packet 'came()/client(flags=0)/TCP(dport=8001)/("x"*1361)' drop too_big
	packet 'came()/client()/TCP(dport=8001)/("x"*1360)' redirect redirected \
		'Ether(src=LB_MAC1,dst=FAR_MAC1)/client()/TCP(dport=8001)/("x"*1360)'
	on lb ip link set eth1 mtu 1500
}

@test "VLAN tags go: the way to the backend leads through no VLAN device" {
	packet 'came(100)/client()/TCP(dport=8000)' tx forwarded "$to_backend"'/client()/TCP(dport=8000)'
	packet 'came(100,200)/client()/TCP(dport=8000)' tx forwarded "$to_backend"'/client()/TCP(dport=8000)'
}

@test "a backend on another interface is reached by redirect, without tags" {
	packet 'came()/client()/TCP(dport=8001)' redirect redirected \
		'Ether(src=LB_MAC1,dst=FAR_MAC1)/client()/TCP(dport=8001)'
	packet 'came(7)/client()/TCP(dport=8001)' redirect redirected \
		'Ether(src=LB_MAC1,dst=FAR_MAC1)/client()/TCP(dport=8001)'
	packet 'came(7,8)/client()/TCP(dport=8001)' redirect redirected \
		'Ether(src=LB_MAC1,dst=FAR_MAC1)/client()/TCP(dport=8001)'
}

@test "a packet from the router that it would be sent to is dropped as a loop" {
	packet 'came()/client()/TCP(dport=8005)' drop loop
}

@test "a packet that comes back from the router that it was sent to is dropped as a loop" {
	packet 'came()/client()/TCP(dport=8006)' tx forwarded \
		'Ether(src=LB_MAC,dst="02:00:00:00:00:03")/client()/TCP(dport=8006)'
	packet 'Ether(src="02:00:00:00:00:03",dst=LB_MAC)/client(ttl=63)/TCP(dport=8006)' drop loop
}

@test "a packet from a backend or from ourselves is dropped as a loop" {
	packet 'Ether(src="02:00:00:00:00:11",dst=LB_MAC)/client()/TCP(dport=8000)' drop loop
	packet 'Ether(src=LB_MAC,dst="02:00:00:00:00:11")/client()/TCP(dport=8000)' drop loop
}

@test "what is not for a service passes untouched" {
	packet 'came()/client()/TCP(dport=22)' pass not_ours
	packet 'came()/client(dst=LB)/TCP(dport=8000)' pass not_ours
	packet 'came()/client(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=40000)' pass not_ours
	packet 'came()/client()/ICMP()/"ping"' pass not_ours
	packet 'Ether(src=GATEWAY_MAC,dst="ff:ff:ff:ff:ff:ff")/ARP(pdst=VIP)' pass not_ours
	packet 'came()/client(dst=LB,flags=0,frag=3)/Raw("x"*16)' pass not_ours
}

@test "lengths that disagree are dropped when they are for a VIP" {
	packet 'came()/client(ihl=4)/TCP(dport=8000)' drop malformed
	packet 'came()/client(len=41)/TCP(dport=8000)' drop malformed
	packet 'came()/client()/TCP(dport=8000,dataofs=4)' drop malformed
	packet 'came()/client(dst=LB,len=41)/TCP(dport=8000)' pass not_ours
}

@test "fragments follow their first one" {
	packet 'came()/client(flags="MF",id=77)/UDP(sport=40000,dport=8000,len=1000)/("x"*16)' tx forwarded \
		"$to_backend"'/client(flags="MF",id=77)/UDP(sport=40000,dport=8000,len=1000)/("x"*16)'
	packet 'came()/client(flags=0,frag=3,id=77,proto=17)/Raw("y"*16)' tx forwarded \
		"$to_backend"'/client(flags=0,frag=3,id=77,proto=17)/Raw("y"*16)'
	packet 'came()/client(flags=0,frag=3,id=78,proto=17)/Raw("y"*16)' drop fragment_unknown
}

@test "an ICMP error about a connection goes to the backend that has it" {
	packet 'came()/client(src="10.0.0.2")/ICMP(type=3,code=4,nexthopmtu=1400)/quote(client(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=40000))' \
		tx forwarded \
		"$to_backend"'/client(src="10.0.0.2")/ICMP(type=3,code=4,nexthopmtu=1400)/quote(client(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=40000))'
}

@test "a packet without a backend, a route or a MAC address is dropped, each with its own counter" {
	packet 'came()/client()/TCP(dport=8002)' drop no_backend
	packet 'came()/client()/TCP(dport=8003)' drop no_route
	packet 'came()/client()/TCP(dport=8004)' drop no_neighbour
}

@test "a health check goes to the backend that its port means" {
	lb attach l2dsr eth1
	probes_come_from eth1
	on lb bpftool map update pinned "$MAPS/probes" key 0 0 0 0 value "$(listed_id 192.168.178.11)" 0 0 0
	packets eth1 <<-END
		came()/client(src=LB)/TCP(sport=61002,dport=8000,flags="S")
		=> redirect probe $to_backend/client(src=LB)/TCP(sport=61002,dport=8000,flags="S")
		came()/client(src=LB)/TCP(sport=61004,dport=8000) => drop no_backend
	END
}

@test "what a backend answers to a health check goes to the one who checks, and nothing else does" {
	answers_go_to_the_prober
}
