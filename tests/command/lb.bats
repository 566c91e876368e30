#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# scripts/lb: what it does, what it refuses, and that what it refuses changes nothing. Services and backends have
# a file of their own.

load ../lib/helper

setup() {
	one_load_balancer
}

teardown() {
	scripts/node destroy --all
}

@test "attach loads the program, pins its maps, and learns the address and a random key" {
	lb attach ipip eth0
	has_xdp eth0
	[ "$(on lb ls "$MAPS" | tr '\n' ' ')" = "backend_stats backends buckets clients destinations flows limits links load_balancer new_flows nexthops probes server_ids services slots stats " ]
	[ "$(lb show --json | jq -r .address)" = 192.168.178.10 ]
	[ "$(lb show --json | jq -c .hash_key)" != "[$(seq -s , 32 | sed 's/[0-9]*/0/g')]" ]
}

@test "attach can choose native or generic" {
	lb attach ipip eth0 generic
	on lb ip link show eth0 | grep -q xdpgeneric
	lb detach eth0
	lb attach ipip eth0 native
	on lb ip -d link show eth0 | grep -q "xdp "
	refuses 1 "runs xdp_ipip in another way (xdpdrv); run: lb detach eth0" attach ipip eth0 generic
}

@test "attach gre, fou and gue, as ipip" {
	local mode
	for mode in gre fou gue; do
		lb attach $mode eth0
		has_xdp eth0
		[ "$(on lb ls "$MAPS" | tr '\n' ' ')" = "backend_stats backends buckets clients destinations flows limits links load_balancer new_flows nexthops probes server_ids services slots stats " ]
		lb metrics text | grep -q "^xdp_lb_program_info{device=\"eth0\",mode=\"$mode\",flavour=\"native\","
		refuses 1 "eth0 runs xdp_$mode; run: lb detach eth0" attach ipip eth0
		lb detach eth0
		run ! has_xdp eth0
	done
}

@test "attach over a running program of ours replaces it and keeps what the maps hold" {
	loaded
	local before
	before=$(lb show --json)
	lb attach ipip eth0
	[ "$(lb show --json)" = "$before" ]
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
}

@test "attach warns when the device does not forward" {
	on lb sysctl -qw net.ipv4.ip_forward=0
	run -0 lb attach ipip eth0
	[[ $output == *"eth0 does not forward"*"sysctl -w net.ipv4.ip_forward=1"* ]]
}

@test "detach removes the program and its own pins, and nobody else's" {
	loaded
	lb attach decap eth1
	on lb bpftool map create /sys/fs/bpf/xdp/globals/others type array key 4 value 4 entries 1 name others
	lb detach eth0
	run ! has_xdp eth0
	[ "$(on lb ls "$MAPS" | tr '\n' ' ')" = "decap_addresses decap_settings decap_stats links others " ]
	lb detach eth1
	[ "$(on lb ls "$MAPS")" = others ]
}

@test "detach keeps the maps that a program on another device uses" {
	loaded
	lb attach ipip eth1
	lb detach eth0
	[ "$(on lb ls "$MAPS" | wc -l)" -eq 20 ]
	lb service show | grep -q 172.16.0.10
	lb detach eth1
	[ -z "$(on lb ls "$MAPS")" ]
}

@test "detach removes the pins of a program that was taken off by hand" {
	loaded
	on lb ip link set dev eth0 xdp off
	lb detach eth0
	[ -z "$(on lb ls "$MAPS")" ]
	refuses 1 "no XDP program runs on eth0" detach eth0
}

@test "refresh finds the next hops again after routes and links have changed" {
	lb attach ipip eth0
	lb service add tcp 192.168.178.15:8000
	run -0 lb backend add tcp 192.168.178.15:8000 10.9.0.1
	on lb ip route add 10.9.0.0/16 via 172.20.0.30
	lb refresh
	managed 172.20.0.30
	on lb ip link set eth1 down
	on lb ip link set eth1 up
	on lb ip route replace 10.9.0.0/16 nexthop via 172.20.0.31 dev eth1 nexthop via 172.20.0.32 dev eth1
	lb refresh
	managed 172.20.0.31
	managed 172.20.0.32
	lb refresh
}

@test "a device has several names" {
	on lb ip link property add dev eth0 altname uplink
	run -0 lb attach ipip uplink
	[ -z "$output" ]
	lb detach uplink
	run ! has_xdp eth0
}

@test "the next hop's neighbour entry is kept by the kernel while a backend needs it, and no longer" {
	lb attach ipip eth0
	lb service add tcp 192.168.178.15:8000
	lb backend add tcp 192.168.178.15:8000 172.20.0.30
	lb backend add tcp 192.168.178.15:8000 172.20.0.31
	managed 172.20.0.30
	lb backend del tcp 192.168.178.15:8000 172.20.0.30
	run ! managed 172.20.0.30
	managed 172.20.0.31
	lb service del tcp 192.168.178.15:8000
	run ! managed 172.20.0.31
	# what was set by hand stays as it was
	on lb ip neigh show 192.168.178.2 | grep -q PERMANENT
}

@test "a backend without a route is taken, with a warning" {
	lb attach ipip eth0
	lb service add tcp 192.168.178.15:8000
	on lb ip route del default
	run -0 lb backend add tcp 192.168.178.15:8000 172.16.0.10
	[[ $output == *"there is no route to 172.16.0.10 yet"*"lb refresh"* ]]
	packet 'came()/client()/TCP(dport=8000)' drop no_route
}

@test "set changes the address, the key, the window and the debug switch, each alone" {
	lb attach ipip eth0
	lb set key 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eFF
	lb set debug on
	[ "$(lb show --json | jq .window)" -eq 900 ]
	lb set window 60
	lb set address 192.168.178.77
	[ "$(lb show --json)" = "{\"address\":\"192.168.178.77\",\"hash_key\":[$(seq -s , 0 30),255],\"flags\":[\"debug\"],\"window\":60,\"probe_device\":0,\"routes\":0,\"address6\":\"::\",\"source\":null,\"source6\":null,\"port\":0}" ]
	run -0 lb show
	[ "$output" = $'address 192.168.178.77\nwindow 60 s\ndebug on' ]
	lb set debug off
	[ "$(lb show --json | jq -c .flags)" = "[]" ]
}

@test "set: own addresses and outer sources of both families, and the port of FOU and GUE" {
	lb attach ipip eth0
	lb set address 2001:DB8:0::10 source 100.64.0.0/10 source 2001:db8:1::/48 port 5556
	diff <(lb show) - <<-'END'
		address 192.168.178.10
		address 2001:db8::10
		source 100.64.0.0/10
		source 2001:db8:1::/48
		port 5556
		window 900 s
		debug off
	END
	[ "$(lb show --json | jq -c '[.address, .address6, .source, .source6, .port]')" = '["192.168.178.10","2001:db8::10","100.64.0.0/10","2001:db8:1::/48",5556]' ]
	lb set source 10.1.1.1 address 192.168.178.11
	[ "$(lb show --json | jq -c '[.address, .address6, .source, .source6]')" = '["192.168.178.11","2001:db8::10","10.1.1.1","2001:db8:1::/48"]' ]
	lb set source none port default
	[ "$(lb show --json | jq -c '[.address6, .source, .source6, .port]')" = '["2001:db8::10",null,null,0]' ]
	refuses 1 "'10.0.0.1/8' has bits behind its prefix; write 10.0.0.0/8" set source 10.0.0.1/8
	refuses 1 "'129' is no length of a prefix; take one from 1 to 128" set source 2001:db8::/129
	refuses 1 "'fe80::10' is a link-local address" set address fe80::10
	refuses 1 "'::' is no address of a host that others can reach" set address ::
	refuses 1 "'0' is no port; take one from 1 to 65535" set port 0
	refuses 2 "'source' needs a value" set source
	refuses 0 "# bpftool map update pinned $MAPS/load_balancer" --dry-run set source 2001:db8:1::/48
	[ "$(lb show --json | jq .source6)" = null ]
}

# with_ipv6 ADDRESS...: the lb's eth0 has it, and these addresses.
with_ipv6() {
	local address
	on lb sysctl -qw net.ipv6.conf.all.disable_ipv6=0
	for address; do
		on lb ip addr add "$address" dev eth0 nodad
	done
}

@test "attach learns an address of each family, and warns if a family that is in use is not forwarded" {
	# not: a VIP, one that shall not be used any more
	with_ipv6 2001:db8::15/128 fe80::5/64 2001:db8::10/64
	on lb ip addr add 2001:db8::11/64 dev eth0 nodad preferred_lft 0
	run -0 lb attach ipip eth0
	[ "$output" = "lb: eth0 does not forward IPv6, so every packet to a backend of IPv6 would be dropped as forwarding_off; run: sysctl -w net.ipv6.conf.all.forwarding=1" ]
	[ "$(lb show --json | jq -c '[.address, .address6]')" = '["192.168.178.10","2001:db8::10"]' ]
	lb set address 2001:db8::77
	on lb sysctl -qw net.ipv6.conf.all.forwarding=1
	run -0 lb attach ipip eth0
	[ -z "$output" ]
	[ "$(lb show --json | jq -c '[.address, .address6]')" = '["192.168.178.10","2001:db8::77"]' ]
	lb detach eth0
	# a default route that a router has told of would be gone
	on lb sysctl -qw net.ipv6.conf.all.forwarding=0
	on lb ip -6 route add default via fe80::1 dev eth0 proto ra
	run -0 lb attach ipip eth0
	[[ $output == *"run: sysctl -w net.ipv6.conf.eth0.accept_ra=2 net.ipv6.conf.all.forwarding=1" ]]
	lb detach eth0
	# IPv6 alone: that IPv4 is not forwarded is nobody's business
	on lb ip -4 addr flush dev eth0
	on lb sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv4.ip_forward=0
	run -0 lb attach ipip eth0
	[ -z "$output" ]
	[ "$(lb show)" = $'address 2001:db8::10\nwindow 900 s\ndebug off' ]
	# what it did not have before is learned later, and the key stays
	local key
	key=$(lb show --json | jq -c .hash_key)
	on lb ip addr add 192.168.178.9/24 dev eth0
	on lb sysctl -qw net.ipv4.ip_forward=1
	run -0 lb attach ipip eth0
	[ "$(lb show --json | jq -c '[.address, .address6]')" = '["192.168.178.9","2001:db8::10"]' ]
	[ "$(lb show --json | jq -c .hash_key)" = "$key" ]
	lb detach eth0
	on lb ip addr flush dev eth0 scope global
	run -0 lb attach ipip eth0
	[[ $output == *"eth0 has no address to send from; run: lb set address ADDRESS"* ]]
}

@test "attach waits for an address that the kernel still asks for on the network" {
	on lb sysctl -qw net.ipv6.conf.all.disable_ipv6=0
	on lb ip addr add 2001:db8::10/64 dev eth0
	on lb ip -6 addr show dev eth0 | grep -q tentative
	lb attach ipip eth0
	[ "$(lb show --json | jq -r .address6)" = 2001:db8::10 ]
}

@test "stats lists every counter, as a table and as JSON" {
	loaded
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	run -0 lb stats
	[[ ${lines[0]} =~ ^verdict\ +packets\ +bytes$ ]]
	[[ $output =~ forwarded\ +1\ +54 ]]
	[ "$(lb --json stats | jq '.verdicts | length')" -eq 29 ]
}

@test "-v shows each command that changes something, ready to be typed" {
	lb attach ipip eth0
	run -0 lb -v service add tcp 192.168.178.15:8000
	[ "${lines[0]}" = "# bpftool map create $MAPS/checks type hash key 4 value 1024 entries 4096 name checks flags 1" ]
	[ "${lines[1]}" = "# bpftool map create $MAPS/past_stats type array key 4 value 24 entries 4097 name past_stats" ]
	[ "${lines[2]}" = "# bpftool map create $MAPS/changed_at type array key 4 value 8 entries 32768 name changed_at" ]
	run -0 lb -v backend add tcp 192.168.178.15:8000 172.20.0.30
	[ "${lines[0]}" = "# ip neigh replace 172.20.0.30 dev eth1 managed" ]
	[[ ${lines[1]} == "# bpftool prog load "*"/bpf/xdp_maglev.o /sys/fs/bpf/xdp/xdp_maglev map name load_balancer pinned $MAPS/load_balancer"* ]]
	[[ ${lines[2]} == "# printf '\\x01\\x00"*"' | bpftool prog run pinned /sys/fs/bpf/xdp/xdp_maglev data_in - data_size_out 131072" ]]
	[ "${lines[3]}" = "# rm -f /sys/fs/bpf/xdp/xdp_maglev" ]
	[ "${#lines[@]}" -eq 4 ]
	# typed again, they do the same again
	on lb bpftool map delete pinned "$MAPS/services" key 192 168 178 15 0 0 0 0 0 0 0 0 0 0 0 0 31 64 6 4
	[ -z "$(lb service show)" ]
	printf '%s\n' "${lines[@]/#\# /}" >"$BATS_TEST_TMPDIR/typed"
	on lb bash -e "$BATS_TEST_TMPDIR/typed"
	lb service show | grep -q "backend 172.20.0.30"
	run -0 lb backend del tcp 192.168.178.15:8000 172.20.0.30
	[ -z "$output" ]
}

@test "decap's allow-list" {
	lb attach decap eth0
	lb decap add lb 192.168.178.10
	lb decap add host 172.16.0.10
	lb decap add vip 172.16.0.10 # one address may have two roles
	run -0 lb decap show
	[ "$output" = $'host 172.16.0.10\nvip 172.16.0.10\nlb 192.168.178.10' ]
	refuses 1 "172.16.0.10 is vip already" decap add vip 172.16.0.10
	refuses 1 "172.16.0.10 is not lb" decap del lb 172.16.0.10
	refuses 1 "'172.16.0.256' is no IPv4 address" decap add lb 172.16.0.256
	refuses 2 "'router' is no role" decap add router 172.16.0.1
	lb decap del host 172.16.0.10
	lb decap del lb 192.168.178.10
	[ "$(lb decap show --json)" = '[{"address":"172.16.0.10","roles":["vip"]}]' ]
	run -0 lb decap stats
	[[ $output == *source_refused* ]]
}

@test "decap's allow-list: prefixes, tunnels, and both families" {
	lb attach decap eth0
	lb decap add lb 2001:DB8::/48
	lb decap add lb 10.0.0.0/8
	lb decap add lb 10.0.0.0
	lb decap add host 2001:db8:1::10 gue fou:5556
	lb decap add host 172.16.0.10
	lb decap add vip 2001:db8:0::15
	diff <(lb decap show) - <<-'END'
		lb 10.0.0.0/8
		lb 10.0.0.0
		host 172.16.0.10
		lb 2001:db8::/48
		vip 2001:db8::15
		host 2001:db8:1::10 fou:5556 gue:6080
	END
	# more tunnels, and another port
	lb decap add host 172.16.0.10 gre
	lb decap add host 2001:db8:1::10 fou ipip
	diff <(lb decap show --json | jq -c '.[] | select(.tunnels) | [.address, .tunnels]') - <<-'END'
		["172.16.0.10",["ipip","gre"]]
		["2001:db8:1::10",["ipip","fou:5555","gue:6080"]]
	END
	refuses 1 "172.16.0.10 is host already; 'lb decap show' lists them" decap add host 172.16.0.10 ipip gre
	refuses 1 "2001:db8::15 is vip already" decap add vip 2001:db8::0.0.0.21
	refuses 1 "10.0.0.0/9 is not lb" decap del lb 10.0.0.0/9
	refuses 1 "'2001:db8::1/48' has bits behind its prefix; write 2001:db8::/48" decap add lb 2001:db8::1/48
	refuses 1 "'10.0.0.0/8' is a prefix; give each address by itself" decap add host 10.0.0.0/8
	refuses 1 "'10.0.0.0/8' is a prefix; give each address by itself" decap add vip 10.0.0.0/8
	refuses 1 "'gre:5' has a port; gre has none" decap add host 172.16.0.11 gre:5
	refuses 1 "'0' is no port" decap add host 172.16.0.11 gue:0
	refuses 1 "a tunnel of 172.16.0.11 is there twice" decap add host 172.16.0.11 fou fou:7
	refuses 2 "unexpected word 'sit'. Tunnels are ipip, gre, fou[:PORT] and gue[:PORT]" decap add host 172.16.0.11 sit
	refuses 2 "unexpected word 'gre'" decap add vip 172.16.0.11 gre
	refuses 2 "unexpected word 'gre'" decap del host 172.16.0.10 gre
	lb decap del lb 10.0.0.0/8
	lb decap del host 2001:DB8:1::10
	[ "$(lb decap show)" = $'lb 10.0.0.0\nhost 172.16.0.10 ipip gre\nlb 2001:db8::/48\nvip 2001:db8::15' ]
}

@test "nat's settings" {
	run -0 lb attach nat eth0
	[[ $output == *"sysctl -w net.ipv4.ip_local_port_range='1024 9999'"* ]]
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	[ "$(lb nat show --json)" = '{"first_port":10000,"last_port":65535,"handshake":30,"established":7440,"closing":30,"udp":300}' ]
	run -0 lb nat set ports 20000-20009 established 60 udp 5
	[ -z "$output" ]
	run -0 lb nat show
	[ "$output" = $'ports 20000-20009\nhandshake 30 s\nestablished 60 s\nclosing 30 s\nudp 5 s' ]
	run -0 lb attach nat eth0 # keeps them
	[ "$(lb nat show --json | jq .udp)" -eq 5 ]
	refuses 1 "'5' is no range of ports" nat set ports 5
	refuses 1 "the first is after the last" nat set ports 20-10
	refuses 1 "'70000' is no port" nat set ports 10-70000
	refuses 1 "'0' is no number of seconds" nat set closing 0
	refuses 2 "unexpected word 'colour'" nat set colour 1
	refuses 2 "'udp' needs a value" nat set udp
	run -0 lb nat stats
	[[ ${lines[1]} =~ ^started\ +0$ ]]
	lb detach eth0
	refuses 1 "no nat is loaded" nat show
}

@test "usage: no words, wrong words, words too many" {
	refuses 2 "lb attach MODE DEV"
	refuses 2 "lb attach MODE DEV" dance
	refuses 2 "lb attach MODE DEV" service
	refuses 2 "there is no option --fast" stats --fast
	refuses 2 "attach what to which device" attach ipip
	refuses 2 "'sideways' is no way to attach" attach ipip eth0 sideways
	refuses 2 "unexpected word 'please'" attach ipip eth0 native please
	refuses 2 "unexpected word 'please'" service add tcp 192.168.178.15:80 please
	refuses 2 "unexpected word 'please'" service show please
	refuses 2 "a service is PROTOCOL VIP:PORT" service add tcp
	refuses 2 "which backend?" backend add tcp 192.168.178.15:80
	refuses 2 "detach from which device" detach
	refuses 2 "set what?" set
	refuses 2 "'address' needs a value" set address
	refuses 2 "debug is on or off" set debug maybe
	refuses 2 "unexpected word 'colour'" set colour blue
	run -0 lb --help
	[[ ${lines[0]} == *"lb attach MODE DEV"* ]]
}

@test "addresses that are none, ports that are none, protocols that are none" {
	loaded
	refuses 1 "'192.168.178' is no IPv4 address" service add tcp 192.168.178:80
	refuses 1 "'192.168.178.256' is no IPv4 address" service add tcp 192.168.178.256:80
	refuses 1 "'192.168.178.015' is no IPv4 address" service add tcp 192.168.178.015:80
	refuses 1 "'lb.example' is no IPv4 address" service add tcp lb.example:80
	refuses 1 "'fd00::15:80' has no port, or it cannot be told from the address; write [ADDRESS]:PORT, like [2001:db8::15]:8000" service add tcp fd00::15:80
	refuses 1 "'fd00::g' is no IPv6 address; write it like 2001:db8::15" service add tcp "[fd00::g]:80"
	refuses 1 "'fe80::15%eth0' is a link-local address, which is one only together with an interface" service add tcp "[fe80::15%eth0]:80"
	refuses 1 "'::ffff:192.168.178.15' is an IPv4 address within an IPv6 one; write 192.168.178.15" service add tcp "[::ffff:192.168.178.15]:80"
	refuses 1 "no address of a host" service add tcp "[::]:80"
	refuses 1 "no address of a host" service add tcp "[::1]:80"
	refuses 1 "no address of a host" service add tcp "[ff0e::15]:80"
	refuses 1 "'fe80::11' is a link-local address" backend add tcp 192.168.178.15:8000 fe80::11
	refuses 1 "no address of a host" service add tcp 0.0.0.0:80
	refuses 1 "no address of a host" service add tcp 127.0.0.1:80
	refuses 1 "no address of a host" service add tcp 224.0.0.1:80
	refuses 1 "'70000' is no port; take one from 1 to 65535" service add tcp 192.168.178.15:70000
	refuses 1 "'0' is no port" service add tcp 192.168.178.15:0
	refuses 1 "'08' is no port" service add tcp 192.168.178.15:08
	refuses 1 "'http' is no port" service add tcp 192.168.178.15:http
	refuses 1 "'192.168.178.15' has no port" service add tcp 192.168.178.15
	refuses 1 "'sctp' is no protocol; take tcp or udp" service add sctp 192.168.178.15:80
	refuses 1 "'nobody' is no IPv4 address" backend add tcp 192.168.178.15:8000 nobody
	refuses 1 "'70000' is no port" backend add tcp 192.168.178.15:8000 172.16.0.11:70000
	refuses 1 "is this machine's own address, or a broadcast" backend add tcp 192.168.178.15:8000 192.168.178.255
	refuses 1 "192.168.178.15 is the VIP" backend add tcp 192.168.178.15:8000 192.168.178.15
	refuses 1 "'abc' is no key" set key abc
	refuses 1 "is no IPv4 address" set address 1.2.3
}

@test "nothing is loaded yet" {
	refuses 1 "no load balancer is loaded on this machine; run: lb attach MODE DEV" service add tcp 192.168.178.15:80
	refuses 1 "no load balancer is loaded" backend add tcp 192.168.178.15:80 172.16.0.10
	refuses 1 "no load balancer is loaded" service show
	refuses 1 "no load balancer is loaded" stats
	refuses 1 "no load balancer is loaded on this machine; run: lb attach MODE DEV" set debug on
	refuses 1 "no decap is loaded" decap add lb 192.168.178.10
	refuses 1 "no decap is loaded" decap stats
	refuses 1 "no XDP program runs on eth0" detach eth0
}

@test "an unknown device, an unknown mode" {
	refuses 1 "there is no device eth9; 'ip -br link' lists those that are there" attach ipip eth9
	refuses 1 "there is no device eth9" detach eth9
	refuses 1 "'geneve' is no mode; take nat, l2dsr, ipip, gre, fou, gue, decap or relay" attach geneve eth0
}

@test "another XDP program on the device is left alone" {
	on lb ip link set dev eth0 xdp obj bpf/xdp_pass.o sec xdp
	refuses 1 "another XDP program (xdp_pass, id" attach ipip eth0
	refuses 1 "is not ours" detach eth0
}

@test "one of our programs over another of ours is refused" {
	lb attach ipip eth0
	refuses 1 "eth0 runs xdp_ipip; run: lb detach eth0" attach decap eth0
}

@test "a user who is not root" {
	run -1 as_nobody scripts/lb stats
	[[ $output == *"only root can do that"* ]]
}

@test "a kernel that is too old, and one that is new enough" {
	local release
	for release in 5.15.0-91-generic 6.0.19 4.19.0 6.1.0-18-amd64 6.18.44 7.0-rc1 10.0.0; do
		echo $release >"$BATS_TEST_TMPDIR/osrelease"
		on lb mount --bind "$BATS_TEST_TMPDIR/osrelease" /proc/sys/kernel/osrelease
		case $release in
		4.* | 5.* | 6.0.*) refuses 1 "this kernel is $release; the programs need 6.1 or newer" attach ipip eth0 ;;
		*) lb attach ipip eth0 ;;
		esac
		on lb umount /proc/sys/kernel/osrelease
	done
}

@test "a kernel without BTF, a machine without bpffs" {
	on lb mount -t tmpfs none /sys/kernel/btf
	refuses 1 "this kernel has no BTF" attach ipip eth0
	on lb umount /sys/kernel/btf
	on lb mount -t tmpfs none /sys/fs/bpf
	refuses 1 "no bpffs on /sys/fs/bpf; run: mount -t bpf bpf /sys/fs/bpf" attach ipip eth0
}

@test "an object that is not built" {
	cp -r scripts maps "$BATS_TEST_TMPDIR/"
	run -1 on lb "$BATS_TEST_TMPDIR/scripts/lb" attach ipip eth0
	[[ $output == *"bpf/xdp_ipip.o is not built; run: make -C "* ]]
	run ! has_xdp eth0
}

@test "a program that does not load leaves no pins" {
	mkdir "$BATS_TEST_TMPDIR/bpf"
	cp -r scripts maps "$BATS_TEST_TMPDIR/"
	# pins a map of its own, and then reads a byte that the verifier does not let it read
	cat >"$BATS_TEST_TMPDIR/bpf/bad.c" <<-'END'
		#include "maps/stats.h"
		SEC("xdp.frags")
		int xdp_ipip(struct xdp_md *ctx)
		{
			count(&stats, 0, 0);
			return *(char *)(long)ctx->data;
		}
		char _license[] SEC("license") = "GPL";
	END
	clang -target bpf -O2 -g -idirafter "/usr/include/$(uname -m)-linux-gnu" -I"$BATS_TEST_TMPDIR" \
		-c "$BATS_TEST_TMPDIR/bpf/bad.c" -o "$BATS_TEST_TMPDIR/bpf/xdp_ipip.o"
	run -1 on lb "$BATS_TEST_TMPDIR/scripts/lb" attach ipip eth0
	[[ $output == *"eth0 does not take the program"* ]]
	[ -z "$(on lb ls "$MAPS" 2>/dev/null)" ]
}

@test "maps of another layout are refused, with what to do" {
	lb attach ipip eth0
	lb detach eth0
	on lb bpftool map create "$MAPS/stats" type array key 4 value 4 entries 1 name stats
	refuses 1 "The maps of an older version are pinned" attach ipip eth0
}

# complete LINE: what completion offers at the end of a line, on one line.
complete_line() {
	# shellcheck disable=SC2016 # expanded over there
	on lb bash -c '
		. scripts/lb.bash
		lb() { scripts/lb "$@"; }
		COMP_LINE=$1 COMP_POINT=${#1}
		_lb
		echo "${COMPREPLY[*]}"' - "$1"
}

@test "completion in bash" {
	loaded
	[ "$(complete_line "lb det")" = detach ]
	[ "$(complete_line "lb attach ")" = "nat l2dsr ipip gre fou gue decap relay" ]
	[ "$(complete_line "lb attach ipip et")" = "eth0 eth1" ]
	[ "$(complete_line "lb -v service a")" = add ]
	[ "$(complete_line "lb service add tcp 1.2.3.4:80 sti")" = sticky ]
	[ "$(complete_line "lb service set tcp ")" = 192.168.178.15:8000 ]
	[ "$(complete_line "lb service set tcp 192.168.178.15:")" = 8000 ]
	[ "$(complete_line "lb backend del tcp 192.168.178.15:8000 1")" = 172.16.0.10 ]
	[ "$(complete_line "lb backend set tcp 192.168.178.15:8000 172.16.0.10 ")" = "weight up down id" ]
	[ "$(complete_line "lb set debug o")" = "on off" ]
	[ "$(complete_line "lb set ")" = "address source port key debug window announce" ]
	[ "$(complete_line "lb set window 5 announce w")" = "withdraw worse" ]
	[ "$(complete_line "lb drain ")" = "off wait idle" ]
	[ "$(complete_line "lb set window 5 source ")" = none ]
	[ "$(complete_line "lb set port ")" = default ]
	[ "$(complete_line "lb decap add host 172.16.0.10 ipip g")" = "gre gue" ]
	lb service add tcp "[2001:db8::15]:443"
	[ "$(complete_line "lb service set tcp [2001:db8::15]:")" = 443 ]
	[ "$(complete_line "lb stats --w")" = --watch ]
	[ "$(complete_line "lb doctor backend ")" = "nat l2dsr ipip gre fou gue" ]
	[ "$(complete_line "lb restore LIC")" = LICENSE ]
	[ "$(complete_line "lb metrics ")" = "text file http" ]
	[ "$(complete_line "lb client ")" = "add del" ]
	[ "$(complete_line "lb client add tcp 192.168.178.15:8000 ")" = "allow deny" ]
	[ "$(complete_line "lb check add tcp 192.168.178.15:8000 ht")" = "http https" ]
	[ "$(complete_line "lb check add tcp 192.168.178.15:8000 http / interval 1 fa")" = "fast-interval fall" ]
	[ "$(complete_line "lb check add tcp 192.168.178.15:8000 https / verify LIC")" = LICENSE ]
	[ "$(complete_line "lb service set tcp 192.168.178.15:8000 fa")" = fallback ]
}

# grammar: "OBJECT VERB" or "OBJECT" of every command that the help names, a line each.
grammar() {
	scripts/lb --help | sed -nE 's/^  lb (service|backend|client|check|nat|decap) ([a-z]+).*/\1 \2/p; t; s/^  lb ([a-z]+).*/\1/p' | sort -u
}

@test "help, dispatch, completion, man page and README name the same commands" {
	local object verb named shown
	run -0 mandoc -Tlint -Wwarning scripts/lb.8
	[ "$(grammar | wc -l)" -ge 20 ]
	while read -r object verb; do
		grep -qE "^.It Cm $object\>${verb:+.*\<$verb\>}" scripts/lb.8 || grep -qE "^.It Cm $object $verb" scripts/lb.8
		[[ " $(complete_line "lb ") " == *" $object "* ]]
		[[ -z $verb || " $(complete_line "lb $object ") " == *" $verb "* ]]
		grep -qE "^\"$object/${verb:-\"\*}|\"$object/$verb\"" scripts/lb
	done < <(grammar)
	# the other way: what is dispatched is in the help, and what a page shows is a command
	named=$(sed -n 's/^\("[a-z].*\)) room.*/\1/p' scripts/lb | tr '|' '\n' | tr -d '" *' | tr / ' ' | sed 's/ $//' | sort -u)
	diff <(grammar) <(echo "$named")
	shown=$(grep -rhoE --include='*.md' "scripts/lb (-v |--json |--dry-run )?[a-z]+( [a-z]+)?" . | sed -E '
		s/scripts.lb (-v |--json |--dry-run )?//
		/^(service|backend|client|check|nat|decap) /!s/ .*//' | sort -u)
	[ -z "$(comm -23 <(echo "$shown") <({ echo "$named" && cut -d ' ' -f 1 <<<"$named"; } | sort -u))" ]
}

@test "--dry-run says what would be done, and does nothing" {
	refuses 0 "# ip -force link set dev eth0 xdp obj" --dry-run attach ipip eth0
	run ! has_xdp eth0
	loaded
	refuses 0 "change service tcp 192.168.178.15:8000 maglev
  change backend 172.16.0.10:8000 weight 1 up to weight 0 up" --dry-run backend set tcp 192.168.178.15:8000 172.16.0.10 weight 0
	refuses 0 "# ip neigh replace 172.20.0.30 dev eth1 managed
change service tcp 192.168.178.15:8000 maglev
  add backend 172.20.0.30:8000 weight 1 up" --dry-run backend add tcp 192.168.178.15:8000 172.20.0.30
	refuses 0 "delete service tcp 192.168.178.15:8000
  delete backend 172.16.0.10:8000
add service udp 192.168.178.15:53 hash slots 3" --dry-run restore - <<<"service udp 192.168.178.15:53 hash slots 3"
	refuses 1 "'172.16.0.300' is no IPv4 address" --dry-run backend add tcp 192.168.178.15:8000 172.16.0.300
	refuses 0 "# bpftool map update pinned $MAPS/load_balancer" --dry-run set window 5
	refuses 0 "# rm -f $MAPS/services" --dry-run detach eth0
	refuses 0 "settle service tcp 192.168.178.15:8000" --dry-run settle
	lb attach decap eth1
	refuses 0 "# bpftool map update pinned $MAPS/decap_addresses" --dry-run decap add lb 192.168.178.10
}

@test "make install: lb runs from there, and finds its objects" {
	make --silent install DESTDIR="$BATS_TEST_TMPDIR" PREFIX=/opt
	rm -rf "$BATS_TEST_TMPDIR/moved" && mv "$BATS_TEST_TMPDIR/opt" "$BATS_TEST_TMPDIR/moved"
	local installed=$BATS_TEST_TMPDIR/moved/sbin/lb
	on lb "$installed" attach ipip eth0
	on lb "$installed" service add tcp 192.168.178.15:8000
	on lb "$installed" backend add tcp 192.168.178.15:8000 172.16.0.10
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	[ "$(on lb "$installed" service show | wc -l)" -eq 2 ]
	on lb "$installed" settle
	[ "$({ on lb "$installed" --json doctor || true; } | jq length)" -ge 20 ]
	on lb "$installed" detach eth0
	[ -z "$(on lb ls "$MAPS")" ]
	mandoc -Tmarkdown "$BATS_TEST_TMPDIR/moved/share/man/man8/lb.8" | grep -q SYNOPSIS
	[ -e "$BATS_TEST_TMPDIR/moved/share/bash-completion/completions/lb" ]
	grep -qx ExecStart="/opt/sbin/lb start" "$BATS_TEST_TMPDIR/moved/lib/systemd/system/xdp-lb.service"
	cmp scripts/etc/config "$BATS_TEST_TMPDIR/moved/share/doc/xdp-lb/examples/config"
	# what was edited stays, and what was not goes
	echo mine >"$BATS_TEST_TMPDIR/etc/xdp-lb/config"
	mv "$BATS_TEST_TMPDIR/moved" "$BATS_TEST_TMPDIR/opt"
	make --silent install DESTDIR="$BATS_TEST_TMPDIR" PREFIX=/opt
	[ "$(cat "$BATS_TEST_TMPDIR/etc/xdp-lb/config")" = mine ]
	make --silent uninstall DESTDIR="$BATS_TEST_TMPDIR" PREFIX=/opt
	[ -z "$(find "$BATS_TEST_TMPDIR/opt" -type f -o -type l)" ]
	[ "$(ls "$BATS_TEST_TMPDIR/etc/xdp-lb")" = config ]
}
