#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Trunks with the kernel's own VLAN devices and bonds, which the kernels of many machines of CI do not have:
# make test-drivers, or tests/vm/run 6.1 tests/vm/trunk_devices.bats. Everybody is on one cable:
#
#   client eth0.5 10.0.5.20 ----+---- lb eth0.5 10.0.5.1, eth0.7 10.0.7.1, VIP
#          eth0 192.168.178.20  |
#                               +---- backend eth0.7 10.0.7.11, eth0 192.168.178.11
#
# eth0.5 and eth0.7 have tags, eth0 has none. The program runs on the lb's eth0 (later: on bond0), in native mode.

load ../lib/helper

setup_file() {
	modprobe -qa veth bridge 8021q bonding || skip "this kernel has no VLAN devices or no bonds"
	local node
	scripts/node destroy --all
	scripts/node create lb eth0=trunk:192.168.178.10/24 eth1=trunk:192.168.179.10/24
	scripts/node create client eth0=trunk:192.168.178.20/24
	scripts/node create backend eth0=trunk:192.168.178.11/24
	for node in lb client backend; do
		on $node sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0 \
			net.ipv6.conf.all.disable_ipv6=1
		# so that tags are in the frames, as they are on a cable
		on $node ethtool -K eth0 rxvlan off txvlan off
	done
	on lb sysctl -qw net.ipv4.ip_forward=1
	on lb ip addr add 192.168.178.15/32 dev eth0
	lb_has_vlans eth0
	vlan client eth0 5 10.0.5.20/24
	on client ip route add default via 10.0.5.1
	vlan backend eth0 7 10.0.7.11/24
	on backend ip route add default via 10.0.7.1
	on backend ip addr add 192.168.178.15/32 dev lo
	on backend sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
	background backend tests/lib/server.py http 0.0.0.0 8000
	background backend tests/lib/server.py http 0.0.0.0 8001
	on backend scripts/lb attach decap eth0
	on backend scripts/lb decap add lb 192.168.178.10
	on backend scripts/lb decap add vip 192.168.178.15
	on backend scripts/lb decap add host 10.0.7.11 ipip gre fou gue
	on backend scripts/lb decap add host 192.168.178.11 ipip gre fou gue
	wait_for 20 on backend curl -s -o /dev/null http://127.0.0.1:8000/bytes/1
	wait_for 20 on backend curl -s -o /dev/null http://127.0.0.1:8001/bytes/1
}

teardown_file() {
	scripts/node destroy --all
}

# vlan NODE DEV ID ADDRESS
vlan() {
	on "$1" ip link add link "$2" name "$2.$3" type vlan id "$3"
	on "$1" ip addr add "$4" dev "$2.$3"
	on "$1" ip link set "$2.$3" up
}

# lb_has_vlans DEV
lb_has_vlans() {
	vlan lb "$1" 5 10.0.5.1/24
	vlan lb "$1" 7 10.0.7.1/24
}

# balances MODE DEV: one service has its backend behind the VLAN, the other one without any.
balances() {
	on lb scripts/lb attach "$1" "$2"
	on lb scripts/lb restore - <<-END
		service tcp 192.168.178.15:8000
		backend 10.0.7.11
		service tcp 192.168.178.15:8001
		backend 192.168.178.11
	END
	on lb scripts/lb refresh
	wait_for 20 knows_neighbours
}

knows_neighbours() {
	! on lb ip neigh show | grep managed | grep -v lladdr
}

# asks DEV PORT: a request that leaves the client by this device.
asks() {
	[ "$(on client curl -sS --max-time $((5 * ${SLOW:-1})) --interface "$1" "http://192.168.178.15:$2/bytes/100000" | wc -c)" -eq 100000 ]
}

# all_ways: from VLAN to VLAN, from VLAN to none, from none to VLAN, and from none to none.
all_ways() {
	asks eth0.5 8000
	asks eth0.5 8001
	asks eth0 8000
	asks eth0 8001
}

# counted NAME: packets of a verdict.
counted() {
	lb --json stats | jq --arg name "$1" '[.. | objects | select(.name? == $name) | .packets] | add // 0'
}

@test "in every mode, requests come by a VLAN or none, and go on by another VLAN or none" {
	local mode
	for mode in l2dsr ipip gre fou gue nat; do
		echo "mode $mode"
		balances $mode eth0
		all_ways
		lb detach eth0
	done
}

@test "the map follows the devices: by lb watch, and by lb attach" {
	lb attach ipip eth0
	[ "$(on lb bpftool -j map dump pinned "$MAPS/links" | jq length)" -eq 2 ]
	background lb scripts/lb watch
	wait_for 20 on lb test -e /run/xdp-lb/watch/pid
	on lb ip link add link eth0.7 name inner type vlan id 8
	wait_for 20 has_links 3
	on lb ip link del inner
	wait_for 20 has_links 2
	lb detach eth0
}

has_links() {
	[ "$(on lb bpftool -j map dump pinned "$MAPS/links" | jq length)" -eq "$1" ]
}

@test "lb attach says where to attach instead: of a VLAN device, and of a port of a bridge" {
	run -1 lb attach ipip eth0.7
	[[ $output == *"eth0.7 is a VLAN device"*"lb attach ipip eth0."* ]]
	run -1 lb attach ipip eth0.7 native
	[[ $output == *"Underlying driver does not support XDP in native mode"*"Try: lb attach ipip eth0.7 generic"* ]]
	on lb ip link add br0 type bridge
	on lb ip link set eth1 master br0
	run -1 lb attach ipip eth1
	[[ $output == *"eth1 is a port of br0"*"lb attach ipip br0 generic"* ]]
	lb attach ipip br0 generic
	lb detach br0
	on lb ip link del br0
	[ -z "$(on lb ls "$MAPS")" ]
}

@test "generic, on a VLAN device: slower, and it works" {
	on lb scripts/lb attach ipip eth0.5 generic
	lb restore - <<<$'service tcp 192.168.178.15:8000\nbackend 10.0.7.11'
	lb refresh
	wait_for 20 knows_neighbours
	asks eth0.5 8000
	[ "$(counted redirected)" -gt 0 ]
	lb detach eth0.5
}

# bond MODE [OPTION...]: of eth0 and eth1, with the addresses of eth0.
bond() {
	on lb ip link del bond0 2>/dev/null || true
	on lb ip link add bond0 type bond mode "$@" miimon 100
	for port in eth0 eth1; do
		on lb ip addr flush dev $port
		on lb ip link set $port down
		on lb ip link set $port master bond0
	done
	on lb ip link set bond0 up
	on lb sysctl -qw net.ipv4.conf.bond0.rp_filter=0
	on lb ip addr add 192.168.178.10/24 dev bond0
	on lb ip addr add 192.168.178.15/32 dev bond0
	on client ip neigh flush all
	on backend ip neigh flush all
}

@test "a bond of eth0 and eth1, with VLANs on it; when one port's cable is out, requests are answered still" {
	local mode
	on lb ip link del eth0.5
	on lb ip link del eth0.7
	on lb ethtool -K eth1 rxvlan off txvlan off
	bond active-backup
	lb_has_vlans bond0
	run -1 lb attach ipip eth1
	[[ $output == *"eth1 is a port of the bond bond0, which gives its program to all its ports: lb attach ipip bond0"* ]]
	for mode in nat l2dsr ipip; do
		echo "mode $mode"
		balances $mode bond0
		[ "$(on lb bpftool -j map dump pinned "$MAPS/links" | jq length)" -eq 4 ]
		all_ways
		[ $mode = ipip ] || lb detach bond0
	done
	on switch ip link set lb.eth0 down
	wait_for 20 on lb grep -q "Currently Active Slave: eth1" /proc/net/bonding/bond0
	lb refresh
	wait_for 20 all_ways
	on switch ip link set lb.eth0 up
	lb detach bond0
}

@test "modes of a bond that XDP does not know, and a port that has a program: with what to do" {
	bond balance-alb
	run -1 lb attach ipip bond0
	[[ $output == *"No native XDP support for the current bonding mode"*"balance-rr, active-backup, balance-xor and 802.3ad"*"lb attach ipip bond0 generic"* ]]
	bond balance-xor xmit_hash_policy vlan+srcmac
	run -1 lb attach ipip bond0
	[[ $output == *"vlan+srcmac"* ]]
	bond active-backup
	on lb ip link set eth1 xdp obj bpf/xdp_pass.o sec xdp
	run -1 lb attach ipip bond0
	[[ $output == *"Slave has XDP program loaded"*"First: ip link set dev eth1 xdpdrv off"* ]]
	on lb ip link set dev eth1 xdpdrv off
	lb attach ipip bond0
	lb detach bond0
	on lb ip link add none type dummy
	on lb ip link set none master bond0
	run -1 lb attach ipip bond0
	[[ $output == *"Slave device does not support XDP"*"lb attach ipip bond0 generic"* ]]
	on lb ip link del bond0
}
