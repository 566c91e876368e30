#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A backend that is the load balancer itself: its packets pass to the kernel, whatever the program would do with them on
# their way to another machine. The same for xdp_l2dsr and all tunnels, and for clients and addresses of either family.

load ../lib/helper

KINDS='l2dsr ipip gre fou gue'

setup_file() {
	one_load_balancer
	speak_ipv6
	lb attach ipip eth0
	lb set address 2001:db8:178::10
	# Ports 8000 and 8600: another machine. 8010 and 8610: an address of the device that packets come in by; 8011 and 8611:
	# one of another device.
	local vip protocol
	for vip in 192.168.178.15 '[2001:db8:178::15]'; do
		for protocol in tcp udp; do
			printf '%s\n' "service $protocol $vip:8000" 'backend 172.20.0.20' "service $protocol $vip:8600" 'backend 2001:db8:20::20' \
				"service $protocol $vip:8010" 'backend 192.168.178.10' "service $protocol $vip:8610" 'backend 2001:db8:178::10'
		done
		printf '%s\n' "service tcp $vip:8011" 'backend 172.20.0.10' "service tcp $vip:8611" 'backend 2001:db8:20::10'
	done | lb restore -
	on lb ip neigh replace 172.20.0.20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
}

teardown_file() {
	scripts/node destroy --all
}

# use KIND: another program on the same maps.
use() {
	on lb ip -force link set dev eth0 xdp obj "bpf/xdp_$1.o" sec "${2-xdp}"
}

# clients TRANSPORT: such a packet of a client of each family, to a backend's address of each family: $1 has PORT in it.
clients() {
	local client port
	for client in client client6; do
		for port in 8010 8610; do
			printf '%s\n=> pass local\n' "came()/$client()/${1//PORT/$port}"
		done
	done
}

@test "TCP and UDP of either family pass unchanged, to an address of either family, on whatever device" {
	local kind
	for kind in $KINDS; do
		use "$kind"
		packets <<-END
			$(clients 'TCP(sport=40000,dport=PORT,flags="S")/"hello"')
			$(clients 'TCP(sport=40000,dport=PORT,flags="A")/("x"*1400)')
			$(clients 'UDP(sport=40000,dport=PORT)/"odd"')
			came()/client()/TCP(dport=8011) => pass local
			came()/client6()/TCP(dport=8611) => pass local
			came(7)/client()/TCP(dport=8010) => pass local
			came(7,8)/client6()/TCP(dport=8010) => pass local
		END
		use "$kind" xdp.frags
		packet 'came()/client()/TCP(dport=8010)' pass local
	done
}

@test "the way ends here: TTL 1 is enough, and what is too large for a tunnel is not too large" {
	local kind
	for kind in $KINDS; do
		use "$kind"
		packets <<-END
			came()/client(ttl=1)/TCP(dport=8010) => pass local
			came()/client6(hlim=1)/TCP(dport=8610) => pass local
			came()/client()/TCP(dport=8010)/("x"*1460) => pass local
			came()/client6()/TCP(dport=8610)/("x"*1440) => pass local
			came()/client(flags=0)/TCP(dport=8010)/("x"*1460) => pass local
		END
	done
}

@test "fragments and ICMP errors go where their connection is" {
	local kind
	for kind in l2dsr ipip; do
		use "$kind"
		packets <<-END
			came()/client(flags="MF",id=77)/UDP(sport=40000,dport=8010,len=1000)/("x"*16) => pass local
			came()/client(flags=0,frag=3,id=77,proto=17)/Raw("y"*16) => pass local
			came()/client(flags=0,frag=3,id=78,proto=17)/Raw("y"*16) => drop fragment_unknown
			came()/client6(nh=44)/IPv6ExtHdrFragment(m=1,id=77)/UDP(sport=40000,dport=8610,len=1000,chksum=1)/("x"*16) => pass local
			came()/client6(nh=44)/IPv6ExtHdrFragment(offset=3,id=77,nh=17)/Raw("y"*16) => pass local
			came()/client(src="10.0.0.2")/ICMP(type=3,code=4,nexthopmtu=1400)/quote(client(src=VIP,dst=CLIENT)/TCP(sport=8010,dport=40000))
			=> pass local
			came()/client6(src="2001:db8::2")/ICMPv6PacketTooBig(mtu=1400)/quote6(client6(src=VIP6,dst=CLIENT6)/TCP(sport=8610,dport=40000))
			=> pass local
		END
	done
}

@test "other machines are reached as before, and lengths that disagree are dropped as before" {
	use l2dsr
	packets <<-END
		came()/client()/TCP(dport=8000) => redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/client()/TCP(dport=8000)
		came()/client6()/TCP(dport=8600) => redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/client6()/TCP(dport=8600)
		came()/client(len=41)/TCP(dport=8010) => drop malformed
		came()/client()/TCP(dport=8012) => pass not_ours
	END
}

# got: packets and connections of the backend of tcp VIP:8010.
got() {
	lb --json stats | jq -c '.services[] | select(.address == "192.168.178.15" and .port == 8010 and .protocol == "tcp") | [.packets, .connections, .backends[0].packets]'
}

@test "the service and the backend count what passes; a health check passes, too, and does not count for them" {
	local packets connections backend now
	use ipip
	IFS='[],' read -r _ packets connections backend < <(got)
	packet 'came()/client()/TCP(dport=8010,flags="S")' pass local
	packet 'came()/client()/TCP(dport=8010,flags="A")' pass local
	[ "$(got)" = "[$((packets + 2)),$((connections + 1)),$((backend + 2))]" ]
	now=$(got)
	on lb ip -force link set dev eth1 xdp obj bpf/xdp_ipip.o sec xdp
	probes_come_from eth1
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/probes" key 0 0 0 0 value $(. maps/all.sh && u32 "$(listed_id 192.168.178.10)")
	packets eth1 <<-END
		came()/client(src="169.254.108.98")/TCP(sport=61002,dport=8010,flags="S") => pass local
	END
	on lb ip link set dev eth1 xdp off
	[ "$(got)" = "$now" ]
}

@test "an address that moves: what the kernel says of it counts, and lb refresh finds out" {
	use ipip
	on lb ip addr del 192.168.178.10/24 dev eth0
	on lb ip addr add 192.168.178.9/24 dev eth0
	on lb ip route replace default via 192.168.178.2
	on lb ip neigh replace 192.168.178.10 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	lb set address 192.168.178.9
	# another machine has it now, and the kernel knows the way
	packet 'came()/client()/TCP(dport=8010)' tx forwarded \
		'Ether(src=LB_MAC,dst="02:00:00:00:00:11")/IP(src="192.168.178.9",dst="192.168.178.10",id=0,flags="DF",ttl=64,proto=4)/client(ttl=63)/TCP(dport=8010)'
	lb refresh
	[ "$(lb --json service show | jq '[.[].backends[] | select(.address == "192.168.178.10" and .local)] | length')" -eq 0 ]
	# and without a way it is not taken for this one
	on lb ip route add unreachable 192.168.178.10/32
	wait_for 5 packet 'came()/client()/TCP(dport=8010)' drop no_route
	on lb ip route del unreachable 192.168.178.10/32
	# back here
	on lb ip neigh del 192.168.178.10 dev eth0
	on lb ip addr del 192.168.178.9/24 dev eth0
	on lb ip addr add 192.168.178.10/24 dev eth0
	on lb ip route replace default via 192.168.178.2
	lb set address 192.168.178.10
	packet 'came()/client()/TCP(dport=8010)' drop no_route
	lb refresh
	packet 'came()/client()/TCP(dport=8010)' pass local
	[ "$(lb --json service show | jq '[.[].backends[] | select(.address == "192.168.178.10" and .local)] | length')" -eq 4 ]
}
