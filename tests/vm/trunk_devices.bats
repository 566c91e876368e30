#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Trunks with the kernel's own VLAN devices and bonds, which the kernels of many machines do not have: make test-drivers, or
# tests/vm/run 6.1 tests/vm/trunk_devices.bats. Everybody is on one cable:
#
#   client eth0.5 10.0.5.20 ----+---- lb eth0.5 10.0.5.1, eth0.7 10.0.7.1, VIP
#          eth0 192.168.178.20  |
#                               +---- backend eth0.7 10.0.7.11, eth0 192.168.178.11
#
# eth0.5 and eth0.7 have tags, eth0 has none. The program runs on the lb's eth0 (at the end: on bond0), in native mode.

load ../lib/helper
load nodes

setup_file() {
	modprobe -qa veth bridge 8021q bonding dummy || skip "this kernel has no VLAN devices or no bonds"
	scripts/node destroy --all
	scripts/node create lb eth0=trunk:192.168.178.10/24 eth1=trunk:192.168.179.10/24
	scripts/node create client eth0=trunk:192.168.178.20/24
	scripts/node create backend eth0=trunk:192.168.178.11/24
	know_nodes lb client backend switch
	local node
	for node in lb client backend; do
		# txvlan off: so that tags are in the frames, as they are on a cable
		on $node bash -ec 'sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0 \
				net.ipv6.conf.all.disable_ipv6=1 net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
			for dev in eth0 eth1; do ethtool -K $dev rxvlan off txvlan off || true; done' 2>/dev/null
	done
	# accept_local: it is also the router of the backend's answers, and they come from the VIP, which is its own address, too
	on lb sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.accept_local=1
	on lb ip addr add 192.168.178.15/32 dev eth0
	vlans lb eth0 5=10.0.5.1/24 7=10.0.7.1/24
	vlans client eth0 5=10.0.5.20/24
	on client ip route add default via 10.0.5.1
	vlans backend eth0 7=10.0.7.11/24
	on backend bash -ec 'ip route add default via 10.0.7.1; ip addr add 192.168.178.15/32 dev lo
		scripts/lb attach decap eth0
		for entry in "lb 192.168.178.10" "vip 192.168.178.15" "host 10.0.7.11 ipip gre fou gue" "host 192.168.178.11 ipip gre fou gue"; do
			scripts/lb decap add $entry
		done'
	background backend tests/lib/server.py http 0.0.0.0 8000
	background backend tests/lib/server.py http 0.0.0.0 8001
	wait_for 20 on backend curl -s -o /dev/null http://127.0.0.1:8000/bytes/1
	wait_for 20 on backend curl -s -o /dev/null http://127.0.0.1:8001/bytes/1
}

teardown_file() {
	scripts/node destroy --all
}

# A test that has failed leaves its program there: the others shall not fail with it.
teardown() {
	[[ -n ${BATS_TEST_COMPLETED-} ]] || on lb bash -c 'for dev in eth0 eth0.5 bond0; do scripts/lb detach $dev; done' 2>/dev/null || true
}

# vlans NODE DEV ID=ADDRESS...
vlans() {
	local vlan
	for vlan in "${@:3}"; do
		echo "link add link $2 name $2.${vlan%=*} type vlan id ${vlan%=*}"
		echo "addr add ${vlan#*=} dev $2.${vlan%=*}"
		echo "link set $2.${vlan%=*} up"
	done | on "$1" ip -batch -
}

# balances MODE DEV: one service has its backend behind the VLAN, the other one without any.
balances() {
	lb attach "$1" "$2"
	lb restore - <<-END
		service tcp 192.168.178.15:8000
		backend 10.0.7.11
		service tcp 192.168.178.15:8001
		backend 192.168.178.11
	END
	wait_for 20 knows_neighbours
}

# all_ways: from VLAN to VLAN, from VLAN to none, from none to VLAN, and from none to none: a request that leaves the client
# by each of its devices, to each of the backend's.
all_ways() {
	# shellcheck disable=SC2016 # expanded over there
	on client bash -ec 'for way in eth0.5:8000 eth0.5:8001 eth0:8000 eth0:8001; do
			got=$(curl -sS --max-time '$((2 * ${SLOW:-1}))' --interface ${way%:*} http://192.168.178.15:${way#*:}/bytes/100000 | wc -c)
			echo "$way: $got bytes"
			[[ $got -eq 100000 ]]
		done'
}

# counted NAME: packets of a verdict.
counted() {
	on lb bash -c '. maps/all.sh; bpftool -j map dump pinned "$MAPS/stats" | stats_decode' | jq --arg name "$1" '.[] | select(.name == $name).packets'
}

# has_links N: entries of the map.
has_links() {
	[ "$(on lb bpftool -j map dump pinned "$MAPS/links" | jq length)" -eq "$1" ]
}

@test "in every DSR mode, requests come by a VLAN or none, and go on by another VLAN or none" {
	local mode
	balances ipip eth0
	has_links 2
	for mode in ipip l2dsr gre fou gue; do
		use $mode eth0
		all_ways
	done
	[ "$(counted forwarded)" -gt 40 ]
	[ "$(counted redirected)" -eq 0 ]
	lb detach eth0
}

@test "NAT: the same, and back" {
	balances nat eth0
	all_ways
	[ "$(counted forwarded)" -gt 16 ]
	lb detach eth0
}

@test "the map follows the devices" {
	lb attach ipip eth0
	background lb scripts/lb watch
	wait_for 20 on lb test -e /run/xdp-lb/watch/pid
	on lb ip link add link eth0.7 name inner type vlan id 8
	wait_for 20 has_links 3
	on lb ip link del inner
	wait_for 20 has_links 2
	# shellcheck disable=SC2016
	on lb bash -c 'kill $(</run/xdp-lb/watch/pid)'
	lb detach eth0
}

@test "lb attach says where to attach instead: of a VLAN device, and of a port of a bridge" {
	run -1 lb attach ipip eth0.7
	[[ $output == *"eth0.7 is a VLAN device"*"lb attach ipip eth0."* ]]
	run -1 lb attach ipip eth0.7 native
	[[ $output == *"Underlying driver does not support XDP in native mode"*"Try: lb attach ipip eth0.7 generic"* ]]
	on lb bash -ec 'ip link add br0 type bridge; ip link set eth1 master br0'
	run -1 lb attach ipip eth1
	[[ $output == *"eth1 is a port of br0"*"lb attach ipip br0 generic"* ]]
	lb attach ipip br0 generic
	lb detach br0
	on lb ip link del br0
}

@test "generic, on a VLAN device: slower, and it works" {
	lb attach ipip eth0.5 generic
	lb set address 192.168.178.10 # the one that the backend takes tunnels from
	lb restore - <<<$'service tcp 192.168.178.15:8000\nbackend 10.0.7.11'
	wait_for 20 knows_neighbours
	[ "$(on client curl -sS --max-time $((5 * ${SLOW:-1})) --interface eth0.5 http://192.168.178.15:8000/bytes/1000 | wc -c)" -eq 1000 ]
	[ "$(counted redirected)" -gt 3 ]
	lb detach eth0.5
}

# bond MODE [OPTION...]: of eth0 and eth1, with the addresses of eth0.
bond() {
	on lb bash -c 'ip link del bond0 2>/dev/null
		ip link del eth0.5 2>/dev/null; ip link del eth0.7 2>/dev/null; set -e
		ip link add bond0 type bond mode "$@" miimon 100
		for port in eth0 eth1; do ip addr flush dev $port; ip link set $port down; ip link set $port master bond0; done
		ip link set bond0 up; sysctl -qw net.ipv4.conf.bond0.rp_filter=0
		ip addr add 192.168.178.10/24 dev bond0; ip addr add 192.168.178.15/32 dev bond0' - "$@"
	vlans lb bond0 5=10.0.5.1/24 7=10.0.7.1/24
	on client ip neigh flush all
	on backend ip neigh flush all
}

@test "a bond, with VLANs on it; when one port's cable is out, requests are answered still" {
	bond active-backup
	run -1 lb attach ipip eth1
	[[ $output == *"eth1 is a port of the bond bond0, which gives its program to all its ports: lb attach ipip bond0"* ]]
	balances nat bond0
	has_links 4
	all_ways
	lb detach bond0
	balances ipip bond0
	all_ways
	on switch ip link set lb.eth0 down
	wait_for 20 on lb grep -q "Currently Active Slave: eth1" /proc/net/bonding/bond0
	lb refresh
	use l2dsr bond0
	wait_for 20 all_ways
	on switch ip link set lb.eth0 up
	lb detach bond0
}

@test "a bond that XDP does not know, or whose port has a program: with what to do" {
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
	on lb bash -ec 'ip link add none type dummy; ip link set none master bond0'
	run -1 lb attach ipip bond0
	[[ $output == *"Slave device does not support XDP"*"lb attach ipip bond0 generic"* ]]
	on lb ip link del bond0
}
