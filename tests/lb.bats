#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# scripts/lb: what it does, what it refuses, and that what it refuses changes nothing.

load helper

setup() {
	one_load_balancer
}

teardown() {
	scripts/node destroy --all
}

# state: everything that a command could have changed.
state() {
	# shellcheck disable=SC2016 # expanded over there
	on lb bash -c '
		ip -d link show eth0 | sed "s/prog.xdp.*//"
		ip -j -d link | jq ".[].xdp.prog.id"
		ip neigh; ip route; find /sys/fs/bpf | sort
		for map in services backends load_balancer decap_addresses; do
			[[ ! -e /sys/fs/bpf/xdp/globals/$map ]] || bpftool -j map dump pinned /sys/fs/bpf/xdp/globals/$map | md5sum
		done
		[[ ! -e /sys/fs/bpf/xdp/globals/slots ]] || for i in 0 1 2 3 4 5 6 7; do
			bpftool map lookup pinned /sys/fs/bpf/xdp/globals/slots key $i 0 0 0
		done' 2>/dev/null
}

# refuses STATUS TEXT ARGUMENT...: the command fails with this status and says this, and nothing changed.
refuses() {
	local before
	before=$(state)
	run "-$1" lb "${@:3}"
	[[ $output == *"$2"* ]] || {
		echo "said: $output"
		echo "expected: $2"
		false
	}
	diff <(echo "$before") <(state)
}

# managed ADDRESS: whether the kernel keeps this neighbour's MAC address known.
managed() {
	on lb ip neigh show "$1" | grep -q managed
}

loaded() {
	lb attach ipip eth0
	lb service add tcp 192.168.178.15:8000
	lb backend add tcp 192.168.178.15:8000 172.16.0.10
}

@test "attach loads the program, pins its maps, and learns the address and a random key" {
	lb attach ipip eth0
	has_xdp eth0
	[ "$(on lb ls "$MAPS" | tr '\n' ' ')" = "backend_stats backends flows load_balancer new_flows nexthops services slots stats " ]
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
	[ "$(on lb ls "$MAPS" | tr '\n' ' ')" = "decap_addresses decap_stats others " ]
	lb detach eth1
	[ "$(on lb ls "$MAPS")" = others ]
}

@test "detach keeps the maps that a program on another device uses" {
	loaded
	lb attach ipip eth1
	lb detach eth0
	[ "$(on lb ls "$MAPS" | wc -l)" -eq 9 ]
	lb service show | grep -q 172.16.0.10
	lb detach eth1
	[ -z "$(on lb ls "$MAPS")" ]
}

@test "services and backends are added and deleted, and packets follow" {
	loaded
	lb backend add tcp 192.168.178.15:8000 172.16.0.12
	lb backend add tcp 192.168.178.15:8000 172.16.0.11
	lb service add udp 192.168.178.15:53
	lb backend add udp 192.168.178.15:53 172.16.0.10:5353
	[ "$(lb service show --json)" = '[{"protocol":"udp","address":"192.168.178.15","port":53,"sticky":false,"filling":"maglev","slots":16381,"backends":[{"address":"172.16.0.10","port":5353,"weight":1,"state":"up"}]},{"protocol":"tcp","address":"192.168.178.15","port":8000,"sticky":false,"filling":"maglev","slots":16381,"backends":[{"address":"172.16.0.10","port":8000,"weight":1,"state":"up"},{"address":"172.16.0.11","port":8000,"weight":1,"state":"up"},{"address":"172.16.0.12","port":8000,"weight":1,"state":"up"}]}]' ]
	lb backend del tcp 192.168.178.15:8000 172.16.0.10
	lb backend del tcp 192.168.178.15:8000 172.16.0.12
	packet 'came()/client()/TCP(dport=8000)' tx forwarded \
		'leaves()/tunnel("172.16.0.11")/client(ttl=63)/TCP(dport=8000)'
	packet 'came()/client()/UDP(dport=53)' tx forwarded \
		'leaves()/tunnel()/client(ttl=63)/UDP(dport=53)'
	lb service del tcp 192.168.178.15:8000
	packet 'came()/client()/TCP(dport=8000)' pass not_ours
	packet 'came()/client(flags=0,frag=9)/Raw("x")' drop fragment_unknown # it is a VIP still
	lb service del udp 192.168.178.15:53
	packet 'came()/client(flags=0,frag=9)/Raw("x")' pass not_ours
	[ "$(on lb bpftool -j map dump pinned "$MAPS/services" | jq length)" -eq 0 ]
}

@test "no two services share a slot, whatever was added and deleted before" {
	lb attach ipip eth0
	local i service
	for service in 1 2 3; do
		lb service add tcp "192.168.178.15:$service"
	done
	for i in 1 2 3; do
		for service in 1 2 3; do
			lb backend add tcp "192.168.178.15:$service" "172.16.0.$i"
		done
	done
	lb backend del tcp 192.168.178.15:2 172.16.0.1
	lb service del tcp 192.168.178.15:1
	lb service add tcp 192.168.178.15:4
	lb backend add tcp 192.168.178.15:4 172.16.0.9
	lb backend add tcp 192.168.178.15:2 172.16.0.8
	# the regions, in order: each begins where the one before has ended, or later
	on lb bpftool -j map dump pinned "$MAPS/services" | jq -e '[.[].formatted.value | select(.slots > 0)]
		| sort_by(.first) | [range(1; length) as $i | .[$i].first >= .[$i-1].first + .[$i-1].slots] | all'
	packet 'came()/client()/TCP(dport=4)' tx forwarded 'leaves()/tunnel("172.16.0.9")/client(ttl=63)/TCP(dport=4)'
}

# goes_on: whether a packet for the service still goes to one of its backends.
goes_on() {
	local to
	for to in 172.16.0.10 172.16.0.11; do
		! packet 'came()/client()/TCP(dport=8000)' tx forwarded \
			"leaves()/tunnel('$to')/client(ttl=63)/TCP(dport=8000)" || return 0
	done
	return 1
}

@test "kill -9 at a random moment, 200 times: packets go on, and the next command works" {
	loaded
	local i command killed=0
	for i in 1 2 3 4 5; do
		printf 'service tcp 192.168.178.2%d:80\n backend 172.16.0.1%d\n backend 172.16.0.2%d\n' $i $i $i
	done >"$BATS_TEST_TMPDIR/five"
	printf 'service tcp 192.168.178.15:8000\n backend 172.16.0.10\n' >>"$BATS_TEST_TMPDIR/five"
	for ((i = 0; i < 200; i++)); do
		case $((i % 8)) in
		0) command=(backend add tcp 192.168.178.15:8000 172.16.0.11) ;;
		1) command=(service add tcp 192.168.178.16:80) ;;
		2) command=(backend set tcp 192.168.178.15:8000 172.16.0.11 weight $((RANDOM % 5))) ;;
		3) command=(service set tcp 192.168.178.15:8000 hash) ;;
		4) command=(service del tcp 192.168.178.16:80) ;;
		5) command=(backend del tcp 192.168.178.15:8000 172.16.0.11) ;;
		6) command=(restore "$BATS_TEST_TMPDIR/five") ;;
		7) command=(settle) ;;
		esac
		setsid scripts/node exec lb scripts/lb "${command[@]}" >/dev/null 2>&1 3>&- &
		sleep "0.$(printf '%03d' $((RANDOM % 900)))"
		! kill -KILL -- -$! 2>/dev/null || killed=$((killed + 1))
		wait $! 2>/dev/null || true
		((i % 20)) || goes_on
	done
	echo "killed: $killed"
	[ $killed -ge 100 ]
	goes_on
	# No half of anything is left: what is there is what shows, and the next command works.
	lb save >"$BATS_TEST_TMPDIR/saved"
	lb restore "$BATS_TEST_TMPDIR/saved"
	lb restore "$BATS_TEST_TMPDIR/five"
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	[ "$(lb service show | grep -c backend)" -eq 11 ]
	[ "$(on lb ls /sys/fs/bpf/xdp)" = globals ]
}

@test "a command goes on to its end when its reader goes away" {
	loaded
	lb backend add tcp 192.168.178.15:8000 172.16.0.11
	lb -v service del tcp 192.168.178.15:8000 | head -1
	wait_for 5 bash -c "[[ \$(scripts/node exec lb scripts/lb service show) == '' ]]"
	[ "$(on lb bpftool -j map dump pinned "$MAPS/services" | jq length)" -eq 0 ]
}

@test "detach removes the pins of a program that was taken off by hand" {
	loaded
	on lb ip link set dev eth0 xdp off
	lb detach eth0
	[ -z "$(on lb ls "$MAPS")" ]
	refuses 1 "no XDP program runs on eth0" detach eth0
}

@test "many services are listed" {
	lb attach ipip eth0
	local i
	for ((i = 1; i <= 2000; i++)); do
		printf 'map update pinned %s/services key 10 0 %d %d 0 0 0 0 0 0 0 0 0 0 0 0 0 80 6 4 value %d %d 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n' \
			"$MAPS" $((i >> 8)) $((i & 255)) $((i & 255)) $((i >> 8))
	done >"$BATS_TEST_TMPDIR/services"
	on lb bpftool batch file "$BATS_TEST_TMPDIR/services" >/dev/null
	[ "$(lb service show | wc -l)" -eq 2000 ]
	lb service add tcp 192.168.178.15:8000
	[ "$(lb service show --json | jq length)" -eq 2001 ]
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
	[ "$(lb show --json)" = "{\"address\":\"192.168.178.77\",\"hash_key\":[$(seq -s , 0 30),255],\"flags\":1,\"window\":60}" ]
	run -0 lb show
	[ "$output" = $'address 192.168.178.77\nwindow 60 s\ndebug on' ]
	lb set debug off
	[ "$(lb show --json | jq .flags)" -eq 0 ]
}

@test "stats lists every counter, as a table and as JSON" {
	loaded
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	run -0 lb stats
	[[ ${lines[0]} =~ ^verdict\ +packets\ +bytes$ ]]
	[[ $output =~ forwarded\ +1\ +54 ]]
	[ "$(lb --json stats | jq '.verdicts | length')" -eq 21 ]
}

@test "-v shows each command that changes something, ready to be typed" {
	lb attach ipip eth0
	lb service add tcp 192.168.178.15:8000
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
	refuses 1 "'0' is no time; take seconds" nat set closing 0
	refuses 2 "what is 'colour'?" nat set colour 1
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
	refuses 2 "what is 'please'?" attach ipip eth0 native please
	refuses 2 "what is 'please'?" service add tcp 192.168.178.15:80 please
	refuses 2 "what is 'please'?" service show please
	refuses 2 "a service is PROTOCOL VIP:PORT" service add tcp
	refuses 2 "which backend?" backend add tcp 192.168.178.15:80
	refuses 2 "detach from which device" detach
	refuses 2 "set what?" set
	refuses 2 "'address' needs a value" set address
	refuses 2 "debug is on or off" set debug maybe
	refuses 2 "what is 'colour'?" set colour blue
	run -0 lb --help
	[[ ${lines[0]} == *"lb attach MODE DEV"* ]]
}

@test "addresses that are none, ports that are none, protocols that are none" {
	loaded
	refuses 1 "'192.168.178' is no IPv4 address" service add tcp 192.168.178:80
	refuses 1 "'192.168.178.256' is no IPv4 address" service add tcp 192.168.178.256:80
	refuses 1 "'192.168.178.015' is no IPv4 address" service add tcp 192.168.178.015:80
	refuses 1 "'lb.example' is no IPv4 address" service add tcp lb.example:80
	refuses 1 "'fd00::15' is no IPv4 address" service add tcp fd00::15:80
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
	refuses 1 "is this machine's own address, or a broadcast" backend add tcp 192.168.178.15:8000 192.168.178.10
	refuses 1 "is this machine's own address, or a broadcast" backend add tcp 192.168.178.15:8000 192.168.178.255
	refuses 1 "192.168.178.15 is the VIP" backend add tcp 192.168.178.15:8000 192.168.178.15
	refuses 1 "'abc' is no key" set key abc
	refuses 1 "is no IPv4 address" set address 1.2.3
}

@test "what is there already, and what is not" {
	loaded
	refuses 1 "service tcp 192.168.178.15:8000 is there already" service add tcp 192.168.178.15:8000
	refuses 1 "172.16.0.10:8000 is a backend of tcp 192.168.178.15:8000 already" backend add tcp 192.168.178.15:8000 172.16.0.10
	refuses 1 "there is no service udp 192.168.178.15:8000" backend add udp 192.168.178.15:8000 172.16.0.10
	refuses 1 "172.16.0.11:8000 is no backend of tcp 192.168.178.15:8000" backend del tcp 192.168.178.15:8000 172.16.0.11
	lb backend del tcp 192.168.178.15:8000 172.16.0.10
	refuses 1 "172.16.0.10:8000 is no backend" backend del tcp 192.168.178.15:8000 172.16.0.10
	lb service del tcp 192.168.178.15:8000
	refuses 1 "there is no service tcp 192.168.178.15:8000" service del tcp 192.168.178.15:8000
}

@test "nothing is loaded yet" {
	refuses 1 "no load balancer is loaded on this machine; run: lb attach MODE DEV" service add tcp 192.168.178.15:80
	refuses 1 "no load balancer is loaded" backend add tcp 192.168.178.15:80 172.16.0.10
	refuses 1 "no load balancer is loaded" service show
	refuses 1 "no load balancer is loaded" stats
	refuses 1 "no load balancer is loaded" set debug on
	refuses 1 "no decap is loaded" decap add lb 192.168.178.10
	refuses 1 "no decap is loaded" decap stats
	refuses 1 "no XDP program runs on eth0" detach eth0
}

@test "an unknown device, an unknown mode" {
	refuses 1 "there is no device eth9; 'ip -br link' lists those that are there" attach ipip eth9
	refuses 1 "there is no device eth9" detach eth9
	refuses 1 "'gre' is no mode" attach gre eth0
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
	run -1 setpriv --reuid 65534 --clear-groups scripts/lb stats
	[[ $output == *"only root can do that"* ]]
}

@test "a kernel that is too old, and one that is new enough" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	local release
	for release in 5.15.0-91-generic 6.0.19 4.19.0; do
		printf '#!/bin/sh\necho %s\n' $release >"$BATS_TEST_TMPDIR/bin/uname"
		chmod +x "$BATS_TEST_TMPDIR/bin/uname"
		PATH=$BATS_TEST_TMPDIR/bin:$PATH refuses 1 "this kernel is $release; the programs need 6.1 or newer" attach ipip eth0
	done
	for release in 6.1.0-18-amd64 6.18.44 7.0-rc1 10.0.0; do
		printf '#!/bin/sh\necho %s\n' $release >"$BATS_TEST_TMPDIR/bin/uname"
		PATH=$BATS_TEST_TMPDIR/bin:$PATH lb attach ipip eth0
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

@test "two commands at once: one waits for the other" {
	loaded
	local i jobs=()
	for i in 1 2 3 4 5 6; do
		lb backend add tcp 192.168.178.15:8000 172.16.1.$i 3>&- &
		jobs+=($!)
	done
	wait "${jobs[@]}"
	[ "$(lb service show --json | jq '.[0].backends | length')" -eq 7 ]
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
	[ "$(complete_line "lb attach ")" = "nat l2dsr ipip decap" ]
	[ "$(complete_line "lb attach ipip et")" = "eth0 eth1" ]
	[ "$(complete_line "lb -v service a")" = add ]
	[ "$(complete_line "lb service add tcp 1.2.3.4:80 st")" = sticky ]
	[ "$(complete_line "lb service set tcp ")" = 192.168.178.15:8000 ]
	[ "$(complete_line "lb service set tcp 192.168.178.15:")" = 8000 ]
	[ "$(complete_line "lb backend del tcp 192.168.178.15:8000 1")" = 172.16.0.10 ]
	[ "$(complete_line "lb backend set tcp 192.168.178.15:8000 172.16.0.10 ")" = "weight up down" ]
	[ "$(complete_line "lb set debug o")" = "on off" ]
	[ "$(complete_line "lb stats --w")" = --watch ]
	[ "$(complete_line "lb restore LIC")" = LICENSE ]
}

@test "every command has its place in the man page and the completion" {
	local object verb
	run -0 mandoc -Tlint -Wwarning scripts/lb.8
	while read -r object verb; do
		grep -qE "^.It Cm $object\>${verb:+.*\<$verb\>}" scripts/lb.8 || grep -qE "^.It Cm $object $verb" scripts/lb.8
		[[ " $(complete_line "lb ") " == *" $object "* ]]
		[[ -z $verb || " $(complete_line "lb $object ") " == *" $verb "* ]]
	done < <(lb --help | sed -nE 's/^  lb (service|backend|nat|decap) ([a-z]+).*/\1 \2/p; t; s/^  lb ([a-z]+).*/\1/p' | sort -u)
}

@test "make install: lb runs from there, and finds its objects" {
	make --silent install DESTDIR="$BATS_TEST_TMPDIR" PREFIX=/opt
	rm -rf "$BATS_TEST_TMPDIR/moved" && mv "$BATS_TEST_TMPDIR/opt" "$BATS_TEST_TMPDIR/moved"
	local installed=$BATS_TEST_TMPDIR/moved/sbin/lb
	on lb "$installed" attach ipip eth0
	on lb "$installed" service add tcp 192.168.178.15:8000
	on lb "$installed" backend add tcp 192.168.178.15:8000 172.16.0.10
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	mandoc -Tmarkdown "$BATS_TEST_TMPDIR/moved/share/man/man8/lb.8" | grep -q SYNOPSIS
	[ -e "$BATS_TEST_TMPDIR/moved/share/bash-completion/completions/lb" ]
	mv "$BATS_TEST_TMPDIR/moved" "$BATS_TEST_TMPDIR/opt"
	make --silent uninstall DESTDIR="$BATS_TEST_TMPDIR" PREFIX=/opt
	[ -z "$(find "$BATS_TEST_TMPDIR/opt" -type f -o -type l)" ]
}

@test "backend set changes weight and state, each alone or both" {
	loaded
	shown() { lb service show --json | jq -c '.[0].backends[0] | [.weight, .state]'; }
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 weight 7
	[ "$(shown)" = '[7,"up"]' ]
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 down
	[ "$(shown)" = '[7,"down"]' ]
	packet 'came()/client()/TCP(dport=8000)' drop no_backend
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 up weight 0
	[ "$(shown)" = '[0,"up"]' ]
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 weight 1
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	refuses 1 "'70000' is no weight; take one from 0 to 65535" backend set tcp 192.168.178.15:8000 172.16.0.10 weight 70000
	refuses 1 "172.16.0.11:8000 is no backend" backend set tcp 192.168.178.15:8000 172.16.0.11 down
	refuses 2 "set what? weight N, up or down" backend set tcp 192.168.178.15:8000 172.16.0.10
	refuses 2 "what is 'sideways'?" backend set tcp 192.168.178.15:8000 172.16.0.10 sideways
	refuses 2 "which weight?" backend set tcp 192.168.178.15:8000 172.16.0.10 weight
}

@test "a service's options" {
	lb attach ipip eth0
	lb service add tcp 192.168.178.15:80 sticky hash slots 7
	lb service add udp 192.168.178.15:any
	[ "$(lb service show)" = "service udp 192.168.178.15:any maglev slots 16381
service tcp 192.168.178.15:80 sticky hash slots 7" ]
	lb service set tcp 192.168.178.15:80 maglev
	lb service show | grep -qx "service tcp 192.168.178.15:80 sticky maglev slots 7"
	refuses 1 "8 is no prime number, and Maglev needs one" service add tcp 192.168.178.15:81 slots 8
	refuses 1 "'99999' is no number of slots; take one from 1 to 65537" service add tcp 192.168.178.15:81 slots 99999
	refuses 2 "how many slots?" service add tcp 192.168.178.15:81 slots
	refuses 2 "set what? maglev or hash" service set tcp 192.168.178.15:80
	refuses 1 "is this machine's own address, and it needs ports of its own" service add tcp 192.168.178.10:any
	refuses 1 "has a port; a service of every port keeps the client's" backend add udp 192.168.178.15:any 172.16.0.10:53
	# a table that is too small for its backends becomes one of the usual size
	local i
	for i in 1 2 3 4 5 6 7; do
		lb backend add tcp 192.168.178.15:80 172.16.0.$i
	done
	lb service show | grep -qx "service tcp 192.168.178.15:80 sticky maglev slots 7"
	lb backend add tcp 192.168.178.15:80 172.16.0.8
	lb service show | grep -qx "service tcp 192.168.178.15:80 sticky maglev slots 16381"
}

@test "save and restore: what restore reads is what save prints, and a second time nothing changes" {
	lb attach ipip eth0
	cat >"$BATS_TEST_TMPDIR/wanted" <<-'END'
		# two services
		service udp 192.168.178.15:any sticky maglev slots 251
		  backend 172.16.0.10 weight 1 up

		service tcp 192.168.178.15:8000 hash slots 16381
		  backend 172.16.0.10 weight 0 up
		  backend 172.16.0.11:8080 weight 65535 down
	END
	lb restore "$BATS_TEST_TMPDIR/wanted"
	lb save >"$BATS_TEST_TMPDIR/saved"
	diff <(grep -E "^(service|  backend) " "$BATS_TEST_TMPDIR/wanted") <(grep -v '^#' "$BATS_TEST_TMPDIR/saved")
	run -0 lb -v restore "$BATS_TEST_TMPDIR/saved"
	run ! grep -E "prog run|neigh" <<<"$output"
	# the difference, and nothing else
	sed -i 's/weight 0/weight 5/' "$BATS_TEST_TMPDIR/saved"
	run -0 lb -v restore - <"$BATS_TEST_TMPDIR/saved"
	[ "$(grep -c "prog run" <<<"$output")" -eq 1 ]
	lb service show | grep -qx "  backend 172.16.0.10 weight 5 up"
	lb restore - <<<""
	[ -z "$(lb service show)" ]
	[ "$(on lb bpftool -j map dump pinned "$MAPS/services" | jq length)" -eq 0 ]
}

@test "restore says what is wrong and where, and changes nothing" {
	loaded
	local n=0
	# wrong TEXT LINE...
	wrong() {
		n=$((n + 1))
		printf '%s\n' "${@:2}" >"$BATS_TEST_TMPDIR/wrong$n"
		refuses 1 "$1" restore "$BATS_TEST_TMPDIR/wrong$n"
	}
	wrong "line 1: what is 'servce'? A line begins with service, backend, or #" "servce tcp 1.2.3.4:80"
	wrong "line 1: a backend comes after its service" "backend 1.2.3.4"
	wrong "line 3: '1.2.3.400' is no IPv4 address" "service tcp 1.2.3.4:80" "" "backend 1.2.3.400"
	wrong "line 2: what is 'wait'?" "service tcp 1.2.3.4:80" "backend 1.2.3.5 wait 1"
	wrong "service tcp 1.2.3.4:80 is there twice" "service tcp 1.2.3.4:80" "service tcp 1.2.3.4:80"
	wrong "backend 1.2.3.5:80 of tcp 1.2.3.4:80 is there twice" "service tcp 1.2.3.4:80" "backend 1.2.3.5" "backend 1.2.3.5:80"
	wrong "is this machine's own address" "service tcp 1.2.3.4:80" "backend 192.168.178.10"
	refuses 1 "there is no file /nowhere" restore /nowhere
	refuses 1 "there is no file $BATS_TEST_TMPDIR" restore "$BATS_TEST_TMPDIR"
	refuses 2 "restore which file?" restore
}

@test "what does not fit is refused before anything is changed" {
	lb attach ipip eth0
	{
		echo "service tcp 192.168.178.15:80"
		for ((i = 0; i < 1025; i++)); do echo "backend 172.16.$((i >> 8)).$((i & 255))"; done
	} >"$BATS_TEST_TMPDIR/many"
	refuses 1 "tcp 192.168.178.15:80 would have 1025 backends; 1024 is the limit" restore "$BATS_TEST_TMPDIR/many"
	sed -i '$d' "$BATS_TEST_TMPDIR/many"
	lb restore "$BATS_TEST_TMPDIR/many"
	[ "$(lb service show | grep -c backend)" -eq 1024 ]
	for ((i = 0; i < 65; i++)); do echo "service tcp 192.168.178.15:$((i + 1)) slots 65537"; done >"$BATS_TEST_TMPDIR/large"
	refuses 1 "all 4194304 slots are taken" restore "$BATS_TEST_TMPDIR/large"
}

@test "256 services of 100 backends are restored, and again" {
	lb attach ipip eth0
	local i b
	for ((i = 0; i < 256; i++)); do
		echo "service tcp 10.1.$i.1:80 maglev slots 16381"
		for ((b = 0; b < 100; b++)); do echo "  backend 10.2.$i.$b weight 1 up"; done
	done >"$BATS_TEST_TMPDIR/large"
	local started=$EPOCHREALTIME
	lb restore "$BATS_TEST_TMPDIR/large"
	echo "# 256 x 100: restored in $(bc <<<"$EPOCHREALTIME - $started") s" >&3
	[ "$(lb service show | grep -c backend)" -eq 25600 ]
	started=$EPOCHREALTIME
	run -0 lb -v restore "$BATS_TEST_TMPDIR/large"
	echo "# again, nothing to do: $(bc <<<"$EPOCHREALTIME - $started") s" >&3
	run ! grep "prog run" <<<"$output"
	to=$(on lb tests/maglev.py place tcp 10.1.255.1:80 10.0.0.20:20)
	packet 'came()/client(dst="10.1.255.1")/TCP(sport=20,dport=80)' tx forwarded \
		"leaves()/tunnel('${to%:*}')/client(dst='10.1.255.1',ttl=63)/TCP(sport=20,dport=80)"
	refuses 1 "all 4194304 slots are taken" service add tcp 10.1.1.1:81
}

@test "stats counts by service and backend, and shows rates while one watches" {
	loaded
	lb service add udp 192.168.178.15:53
	lb backend add udp 192.168.178.15:53 172.16.0.10
	on lb tests/packet.py eth0 - <<-'END'
		came()/client()/TCP(dport=8000,flags="S") | tx | forwarded | leaves()/tunnel()/client(ttl=63)/TCP(dport=8000,flags="S")
		came()/client()/TCP(dport=8000,flags="A") | tx | forwarded | leaves()/tunnel()/client(ttl=63)/TCP(dport=8000,flags="A")
		came()/client()/UDP(dport=53)/b"x" | tx | forwarded | leaves()/tunnel()/client(ttl=63)/UDP(dport=53)/b"x"
		came()/client()/UDP(dport=54)/b"x" | pass | not_ours
	END
	[ "$(lb stats --json | jq -c .services)" = '[{"protocol":"udp","address":"192.168.178.15","port":53,"packets":1,"bytes":43,"connections":0,"backends":[{"address":"172.16.0.10","port":53,"packets":1,"bytes":43,"connections":0}]},{"protocol":"tcp","address":"192.168.178.15","port":8000,"packets":2,"bytes":108,"connections":1,"backends":[{"address":"172.16.0.10","port":8000,"packets":2,"bytes":108,"connections":1}]}]' ]
	run -0 lb stats
	grep -qE "^tcp 192.168.178.15:8000 +2 +108 +1$" <<<"$output"
	grep -qE "^  172.16.0.10:8000 +2 +108 +1$" <<<"$output"
	# a new backend begins at zero, also when it takes an id that was somebody's
	lb backend del tcp 192.168.178.15:8000 172.16.0.10
	lb backend add tcp 192.168.178.15:8000 172.16.0.11
	[ "$(lb stats --json | jq '.services[1].packets')" -eq 0 ]
	timeout 5 scripts/node exec lb scripts/lb stats --watch >"$BATS_TEST_TMPDIR/watched" || [ $? -eq 124 ]
	grep -qE "^verdict +packets +bytes +packets/s +bits/s$" "$BATS_TEST_TMPDIR/watched"
	grep -qE "^forwarded +3 +151 +0 +0$" "$BATS_TEST_TMPDIR/watched"
}

@test "slots says who has how many" {
	lb attach ipip eth0
	lb restore - <<<$'service tcp 192.168.178.15:80 hash slots 10\nbackend 172.16.0.1\nbackend 172.16.0.2 weight 4'
	[ "$(lb slots tcp 192.168.178.15:80)" = "172.16.0.1:80 2 of 10 slots, 0 of them with memories of others
172.16.0.2:80 8 of 10 slots, 0 of them with memories of others" ]
	# each of them gets something, and has something to remember
	mapfile -t to < <(on lb tests/maglev.py place tcp 192.168.178.15:80 10.0.0.20:{1..20})
	for i in {1..20}; do
		echo "came()/client()/TCP(sport=$i,dport=80) | tx | forwarded | leaves()/tunnel(\"${to[i - 1]%:*}\")/client(ttl=63)/TCP(sport=$i,dport=80)"
	done >"$BATS_TEST_TMPDIR/packets"
	on lb tests/packet.py eth0 - <"$BATS_TEST_TMPDIR/packets"
	lb backend set tcp 192.168.178.15:80 172.16.0.2 weight 0
	[ "$(lb slots tcp 192.168.178.15:80)" = "172.16.0.1:80 10 of 10 slots, 8 of them with memories of others" ]
	[ "$(lb slots tcp 192.168.178.15:80 --json | jq -c 'map(select(.was == "172.16.0.2:80")) | length')" -eq 8 ]
	refuses 1 "there is no service tcp 192.168.178.15:81" slots tcp 192.168.178.15:81
}

@test "flows with NAT are its connections, and its slots need not settle" {
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb attach nat eth0
	lb service add tcp 192.168.178.15:any
	lb backend add tcp 192.168.178.15:any 192.168.178.11
	[ "$(lb flows)" = "" ]
	packet 'came()/client()/TCP(sport=40000,dport=22,flags="S")' tx forwarded \
		'to_backend()/ours(ttl=63)/TCP(sport=40000,dport=22,flags="S")'
	[ "$(lb stats --json | jq '.services[0].connections')" -eq 1 ]
	lb settle
}

@test "words that are none: line breaks, blanks, empty ones" {
	loaded
	refuses 2 "a word must not have a line break in it" service add $'tcp 192.168.178.15:81\nservice tcp 192.168.178.15:82'
	refuses 2 "a word must not have a line break in it" backend set tcp 192.168.178.15:8000 $'172.16.0.10\nbackend 172.16.0.11' weight 2
	refuses 2 "there is no 'save x'" "save x"
	refuses 2 "set what? weight N, up or down" backend set tcp 192.168.178.15:8000 172.16.0.10 "" ""
	refuses 1 "'foo' is no IPv4 address; write it like 192.168.178.15" set address foo
	printf 'service tcp 192.168.178.10:any\n' >"$BATS_TEST_TMPDIR/own"
	refuses 1 "is this machine's own address, and it needs ports of its own" restore "$BATS_TEST_TMPDIR/own"
	printf 'service tcp 192.168.178.15:81 slots 251\r\nbackend 172.16.0.10\r\n' | lb restore - # as other systems end lines
	[ "$(lb service show)" = "service tcp 192.168.178.15:81 maglev slots 251
  backend 172.16.0.10 weight 1 up" ]
	run -0 lb restore - <<<$'service tcp 192.168.178.15:81 hash slots 1\nbackend 172.16.0.10\nbackend 172.16.0.11'
	[ "$output" = "lb: tcp 192.168.178.15:81 gets 16381 slots instead of 1, which cannot hold its backends; connections of before move" ]
}
