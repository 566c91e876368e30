#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Trunks, packet by packet and in every mode: which VLAN tags a packet leaves with, and out of which device. The node has
# no VLAN devices, because not every kernel has them: eth1 plays one on eth0, and the map links says so. (tests/vm/trunks.bats
# has real ones.)

load ../lib/helper

KINDS='l2dsr ipip gre fou gue'

setup_file() {
	one_load_balancer
	speak_ipv6
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	lb attach ipip eth0
	lb set address 2001:db8:178::10
	lb set key 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f # KEY of tests/lib/packet.py
	lb restore - <<-END
		# behind the VLAN, by either family
		service tcp 192.168.178.15:8001
		backend 172.20.0.20
		service tcp [2001:db8:178::15]:8601
		backend 2001:db8:20::20
		# and on the network of eth0 itself
		service tcp 192.168.178.15:8000
		backend 192.168.178.11
	END
	on lb ip neigh replace 172.20.0.20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	on lb ip neigh replace 2001:db8:20::20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
}

teardown_file() {
	scripts/node destroy --all
}

# eth1_is [PROTOCOL ID]...: a VLAN device on eth0 with these tags.
eth1_is() {
	set_link eth1 eth0 "$@"
}

# set_link DEV BELOW [PROTOCOL ID]...: an entry of the map; the next packet asks for its way anew.
set_link() {
	local dev below
	dev=$(on lb cat "/sys/class/net/$1/ifindex") below=$(on lb cat "/sys/class/net/$2/ifindex")
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/links" key $(. maps/all.sh && u32 "$dev") value $(. maps/all.sh && link "$below" "${@:3}")
	ask_anew
}

# ask_anew: what lb refresh does last; it would find the devices as they are, too.
ask_anew() {
	on lb bash -c 'verbose="" dry="" repo=$PWD lib=scripts/lib; . maps/all.sh; . scripts/lib/common.sh; . scripts/lib/settings.sh; . scripts/lib/neighbours.sh
		outdate_nexthops'
}

# use KIND: another program on the same maps.
use() {
	on lb ip -force link set dev eth0 xdp obj "bpf/xdp_$1.o" sec xdp
}

# becomes KIND PACKET PORT: what PACKET is on its way to the backend of this port.
becomes() {
	local packet=$2 to="172.20.0.20"
	case $3 in
	8000) to=192.168.178.11 ;;
	8601) to=2001:db8:20::20 ;;
	esac
	if [[ $1 == l2dsr ]]; then
		echo "$packet/TCP(dport=$3)"
	else
		packet=${packet/client()/client(ttl=63)} packet=${packet/client6()/client6(hlim=63)}
		echo "envelope(\"$1\",\"$to\",$packet/TCP(dport=$3))"
	fi
}

@test "a next hop behind a VLAN device: out of the device below, with its tag, whatever the packet came with" {
	local kind four six
	eth1_is 33024 7
	for kind in $KINDS; do
		use "$kind"
		four=$(becomes "$kind" 'client()' 8001) six=$(becomes "$kind" 'client6()' 8601)
		packets <<-END
			came()/client()/TCP(dport=8001) => tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/$four
			came(7)/client()/TCP(dport=8001) => tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/$four
			came(5)/client()/TCP(dport=8001) => tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/$four
			came(5,6)/client()/TCP(dport=8001) => tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/$four
			came()/client6()/TCP(dport=8601) => tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/$six
			came(5)/client6()/TCP(dport=8601)/Padding("\xaa"*9) => tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/$six/Padding("\xaa"*9)
		END
	done
}

@test "a VLAN in a VLAN: both tags" {
	local kind four
	eth1_is 34984 100 33024 4094
	for kind in $KINDS; do
		use "$kind"
		four=$(becomes "$kind" 'client()' 8001)
		packets <<-END
			came()/client()/TCP(dport=8001) => tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1,type=0x88a8)/Dot1Q(vlan=100)/Dot1Q(vlan=4094)/$four
			came(5)/client()/TCP(dport=8001) => tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1,type=0x88a8)/Dot1Q(vlan=100)/Dot1Q(vlan=4094)/$four
			came(5,6)/client()/TCP(dport=8001) => tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1,type=0x88a8)/Dot1Q(vlan=100)/Dot1Q(vlan=4094)/$four
		END
	done
}

@test "a next hop behind no VLAN device gets no tags, on a trunk, too" {
	local kind four
	eth1_is 33024 7
	for kind in $KINDS; do
		use "$kind"
		four=$(becomes "$kind" 'client()' 8000)
		packets <<-END
			came(7)/client()/TCP(dport=8000) => tx forwarded to_backend()/$four
			came(7,8)/client()/TCP(dport=8000) => tx forwarded to_backend()/$four
		END
	done
}

@test "a packet that comes by another device is redirected to the trunk, with the tag" {
	eth1_is 33024 7
	use ipip
	lb attach ipip eth1
	set_link eth1 eth0 33024 7 # lb has looked, and there are no VLAN devices
	packets eth1 <<-END
		Ether(src=FAR_MAC1,dst=LB_MAC1)/client()/TCP(dport=8001)
		=> redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/envelope("ipip","172.20.0.20",client(ttl=63)/TCP(dport=8001))
	END
	lb detach eth1
}

@test "errors about a packet go back by the VLAN that it came from" {
	use ipip
	eth1_is 33024 7
	packets <<-'END'
		came(5)/client(ttl=1)/TCP(sport=40000,dport=8001)
		=> tx ttl_answered leaves(5)/IP(src=LB,dst=CLIENT,id=0,ttl=64)/ICMP(type=11,code=0)/quote(client(ttl=1)/TCP(sport=40000,dport=8001))
	END
}

@test "the MTU that counts is the VLAN device's" {
	local long='client()/TCP(sport=40000,dport=8001)/("x"*1361)'
	use l2dsr
	on lb ip link set eth1 mtu 1400
	eth1_is 33024 7
	packets <<-END
		came(5)/$long => tx too_big_answered leaves(5)/IP(src=VIP,dst=CLIENT,id=0,ttl=64)/ICMP(type=3,code=4,nexthopmtu=1400)/quote($long)
		came()/client()/TCP(dport=8001)/("x"*1360) => tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/client()/TCP(dport=8001)/("x"*1360)
	END
	on lb ip link set eth1 mtu 1500
}

@test "of a bond's port, the routes are asked as of its bond" {
	use ipip
	lb refresh # eth1 is no VLAN device
	on lb sysctl -qw net.ipv4.conf.eth0.forwarding=0
	ask_anew
	packets <<<'came()/client()/TCP(dport=8000) => drop forwarding_off'
	set_link eth0 eth1 # a port of the bond eth1, which forwards
	packets <<-'END'
		came()/client()/TCP(dport=8001)
		=> redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/envelope("ipip","172.20.0.20",client(ttl=63)/TCP(dport=8001))
	END
	on lb sysctl -qw net.ipv4.conf.eth0.forwarding=1
}

@test "lb refresh makes the map be as the devices are" {
	eth1_is 33024 7
	lb refresh
	[ "$(on lb bpftool -j map dump pinned "$MAPS/links")" = "[]" ]
	packets <<-'END'
		came(7)/client()/TCP(dport=8001)
		=> redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/envelope("ipip","172.20.0.20",client(ttl=63)/TCP(dport=8001))
	END
}

@test "NAT: from VLAN to VLAN, and from no VLAN to one; in both directions, and between the families" {
	lb detach eth0
	lb attach nat eth0
	lb set address 2001:db8:178::10
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb nat set ports 10000-65535
	lb restore - <<-END
		service tcp 192.168.178.15:80
		backend 172.20.0.20:8080
		service tcp [2001:db8:178::15]:64
		backend 172.20.0.20:8080
		service tcp 192.168.178.15:46
		backend [2001:db8:20::20]:8046
	END
	on lb ip neigh replace 172.20.0.20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	on lb ip neigh replace 2001:db8:20::20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	on lb ip neigh replace 192.168.178.2 dev eth0 lladdr 02:00:00:00:00:02 nud permanent
	on lb ip neigh replace 2001:db8:178::2 dev eth0 lladdr 02:00:00:00:00:02 nud permanent
	eth1_is 33024 7
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="S",seq=100)
		=> tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/ours(dst="172.20.0.20",ttl=63)/TCP(sport=40000,dport=8080,flags="S",seq=100)
		Ether(src=FAR_MAC1,dst=LB_MAC1)/Dot1Q(vlan=7)/theirs(src="172.20.0.20")/TCP(sport=8080,dport=40000,flags="SA",seq=500,ack=101)
		=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=80,dport=40000,flags="SA",seq=500,ack=101)
		came(5)/client()/TCP(sport=40000,dport=80,flags="A",seq=101,ack=501)
		=> tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/ours(dst="172.20.0.20",ttl=63)/TCP(sport=40000,dport=8080,flags="A",seq=101,ack=501)
		came(5,6)/client6()/TCP(sport=40001,dport=64,flags="S",seq=100)
		=> tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/ours(dst="172.20.0.20",ttl=63,flags=0,id=its_id())/TCP(sport=40001,dport=8080,flags="S",seq=100)
		Ether(src=FAR_MAC1,dst=LB_MAC1)/Dot1Q(vlan=7)/theirs(src="172.20.0.20")/TCP(sport=8080,dport=40001,flags="SA",seq=500,ack=101)
		=> tx forwarded leaves()/answer6(hlim=63,fl=0)/TCP(sport=64,dport=40001,flags="SA",seq=500,ack=101)
		came()/client()/TCP(sport=40002,dport=46,flags="S",seq=100)
		=> tx forwarded Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/ours6(dst="2001:db8:20::20",hlim=63,fl=0)/TCP(sport=40002,dport=8046,flags="S",seq=100)
	END
	set_link eth0 eth0 33024 5 # so the clients are behind a VLAN, too
	packets <<-'END'
		Ether(src=FAR_MAC1,dst=LB_MAC1)/Dot1Q(vlan=7)/theirs(src="172.20.0.20")/TCP(sport=8080,dport=40000,flags="A",seq=501,ack=101)
		=> tx forwarded leaves(5)/answer(ttl=63)/TCP(sport=80,dport=40000,flags="A",seq=501,ack=101)
		Ether(src=FAR_MAC1,dst=LB_MAC1)/Dot1Q(vlan=7)/theirs6(src="2001:db8:20::20")/TCP(sport=8046,dport=40002,flags="SA",seq=500,ack=101)
		=> tx forwarded leaves(5)/answer(ttl=63,flags=0,id=its_id())/TCP(sport=46,dport=40002,flags="SA",seq=500,ack=101)
	END
}

@test "relay: a second chance behind a VLAN device has its tag" {
	lb detach eth0
	on lb ip addr add 192.168.178.15/32 dev lo
	background lb tests/lib/server.py http 192.168.178.15 8000
	lb attach relay eth0
	lb decap add lb 192.168.178.10
	lb decap add host 172.16.0.10 ipip
	lb decap add vip 192.168.178.15
	lb restore - <<-END
		service tcp 192.168.178.15:8000 hash slots 1
		backend 172.20.0.20
	END
	on lb ip neigh replace 172.20.0.20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	wait_for 10 on lb bash -c "[[ -n \$(ss -Hltn 'sport = :8000') ]]"
	eth1_is 33024 7
	packets <<-'END'
		came(5)/tunnel()/client()/TCP(sport=50000,dport=8000,flags="A")
		=> tx handed_on Ether(src=LB_MAC1,dst=FAR_MAC1)/Dot1Q(vlan=7)/tunnel(to="172.20.0.20",id=1)/client()/TCP(sport=50000,dport=8000,flags="A")
	END
}
