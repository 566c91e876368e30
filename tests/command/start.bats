#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lb start, lb stop: all that a machine's file says, or nothing. (Under systemd: systemd.bats.)

load ../lib/helper

setup() {
	one_load_balancer
	on lb sysctl -qw net.ipv4.ip_forward=0
	config=$BATS_TEST_TMPDIR/config
	(umask 077 && printf '%064d\n' 7 >"$BATS_TEST_TMPDIR/key")
	printf '%s\n' "service tcp 192.168.178.15:8000" "  backend 172.16.0.10" >"$BATS_TEST_TMPDIR/services"
}

teardown() {
	scripts/node destroy --all
}

# say LINE...: into the machine's file.
say() {
	printf '%s\n' "$@" >"$config"
}

# everything: what start could have changed. (Empty folders are of iproute2.)
everything() {
	state | grep -vxE "/sys/fs/bpf/(ip|tc|tc/globals|xdp)"
	on lb sh -c 'ip -o addr; grep -r . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf; cat /run/xdp-lb/started/*/undo' 2>/dev/null || true
}

# wrong TEXT LINE...: a file with these lines is refused with this text, and nothing is changed.
wrong() {
	local before
	say "${@:2}"
	before=$(everything)
	run -1 lb start "$config"
	[ "$output" = "lb: $1" ] || {
		echo "said: $output"
		echo "expected: lb: $1"
		false
	}
	diff <(echo "$before") <(everything)
}

# all_wrong: every mistake that a file can have.
all_wrong() {
	wrong "$config:2: unexpected word 'atach'. A line begins with attach, set, key, nat set, decap add, decap set, vip, restore, or #" "# a comment" "atach ipip eth0"
	wrong "$config:1: 'ipp' is no mode; take nat, l2dsr, ipip, gre, fou, gue, decap or relay" "attach ipp eth0"
	wrong "$config:1: 'fast' is no way to attach; take native or generic" "attach ipip eth0 fast"
	wrong "$config:2: there is no device eth7; 'ip -br link' lists those that are there" "attach ipip eth0" "attach ipip eth7"
	wrong "$config:3: a program for eth0 is there twice; see line 1" "attach ipip eth0" "" "attach l2dsr eth0"
	wrong "$config:2: unexpected word 'windw'" "attach ipip eth0" "set windw 5"
	wrong "$config:3: window (set) is there twice; see line 2" "attach ipip eth0" "set window 5" "set debug on window 6"
	wrong "$config:2: this file can be read by others; put the key into one of its own, and write: key FILE" "attach ipip eth0" "set key 00"
	wrong "$config:2: there is no NAT here; add a line: attach nat DEV" "attach ipip eth0" "nat set udp 5"
	wrong "$config:2: '1.2.3' is no IPv4 address; write it like 192.168.178.15" "attach decap eth0" "decap add lb 1.2.3"
	wrong "$config:3: lb 1.2.3.4 is there twice; see line 2" "attach decap eth0" "decap add lb 1.2.3.4" "decap add lb 1.2.3.4"
	wrong "$config:3: lb 2001:db8::/48 is there twice; see line 2" "attach decap eth0" "decap add lb 2001:db8::/48" "decap add lb 2001:DB8:0::/48"
	wrong "$config:2: '10.0.0.1/8' has bits behind its prefix; write 10.0.0.0/8" "attach decap eth0" "decap add lb 10.0.0.1/8"
	wrong "$config:2: unexpected word 'sit'. Tunnels are ipip, gre, fou[:PORT] and gue[:PORT]" "attach decap eth0" "decap add host 1.2.3.4 sit"
	wrong "$config:3: address of IPv6 (set) is there twice; see line 2" "attach ipip eth0" "set address 1.2.3.4 address 2001:db8::10" "set address 2001:db8::11"
	wrong "$config:2: 'fe80::15' is a link-local address, which is one only together with an interface; take a global one, or one of fd00::/8" "attach ipip eth0" "vip fe80::15 dev eth0"
	wrong "$config:3: the VIP 2001:db8::15 is there twice; see line 2" "attach ipip eth0" "vip 2001:db8::15 dev eth0" "vip 2001:db8:0::15 dev lo"
	wrong "$config:1: nothing decapsulates here; add a line: attach decap DEV" "decap add lb 1.2.3.4"
	wrong "$config:1: nothing decapsulates here; add a line: attach decap DEV" "decap set cookies 5"
	wrong "$config:2: 'all' is no number of SYNs a second; take one from 1 to 4294967295" "attach decap eth0" "decap set cookies all"
	wrong "$config:3: cookies (decap set) is there twice; see line 2" "attach decap eth0" "decap set cookies 5" "decap set cookies 6"
	wrong "$config:2: there is no device eth7; 'ip -br link' lists those that are there" "attach ipip eth0" "vip 192.168.178.15 dev eth7"
	wrong "$config:1: there is no load balancer here; add a line: attach MODE DEV" "restore services"
	wrong "$config: it says nothing; write what this machine is, like: attach ipip eth0" "# nothing"
	wrong "$config:2: there is no file $BATS_TEST_TMPDIR/nowhere that could be read" "attach ipip eth0" "restore nowhere"
	# the key
	(umask 022 && printf '%064d\n' 8 >"$BATS_TEST_TMPDIR/open")
	wrong "$config:2: $BATS_TEST_TMPDIR/open can be read by others; run: chown root $BATS_TEST_TMPDIR/open && chmod 600 $BATS_TEST_TMPDIR/open" "attach ipip eth0" "key open"
	chown 65534 "$BATS_TEST_TMPDIR/open" && chmod 600 "$BATS_TEST_TMPDIR/open"
	wrong "$config:2: $BATS_TEST_TMPDIR/open can be read by others; run: chown root $BATS_TEST_TMPDIR/open && chmod 600 $BATS_TEST_TMPDIR/open" "attach ipip eth0" "key open"
	(umask 077 && echo 1234 >"$BATS_TEST_TMPDIR/short")
	wrong "$config:2: $BATS_TEST_TMPDIR/short has no key in it: 32 bytes in hex are 64 digits" "attach ipip eth0" "key short"
	# the services
	printf '%s\n' "service tcp 192.168.178.15:80" "" "service tcp 192.168.178.15:80" >"$BATS_TEST_TMPDIR/twice"
	wrong "$BATS_TEST_TMPDIR/twice:3: service tcp 192.168.178.15:80 is there twice" "attach ipip eth0" "restore twice"
	printf '%s\n' "service tcp 192.168.178.15:80" " backend 172.16.0.10" "service tcp 192.168.178.10:any" >"$BATS_TEST_TMPDIR/own"
	wrong "$BATS_TEST_TMPDIR/own:3: 192.168.178.10 is this machine's own address, and it needs ports of its own; take another VIP, or single ports" \
		"attach ipip eth0" "restore own"
	printf '%s\n' "service tcp [2001:db8::10]:any" >"$BATS_TEST_TMPDIR/own6"
	wrong "$BATS_TEST_TMPDIR/own6:1: 2001:db8::10 is this machine's own address, and it needs ports of its own; take another VIP, or single ports" \
		"attach ipip eth0" "set address 2001:DB8::10" "restore own6"
}

@test "a mistake in a file is refused with file and line: on a machine where nothing runs yet" {
	all_wrong
	run -1 lb start "$BATS_TEST_TMPDIR/none"
	[ "$output" = "lb: there is no file $BATS_TEST_TMPDIR/none that could be read" ]
}

@test "a mistake in a file is refused with file and line: what runs goes on" {
	say "attach ipip eth0" "key key" "restore services" "vip 192.168.178.15 dev eth0"
	lb start "$config"
	all_wrong
	# what would break connections
	wrong "$config:1: eth0 runs xdp_ipip; run: lb detach eth0" "attach l2dsr eth0"
	(umask 077 && printf '%064d\n' 9 >"$BATS_TEST_TMPDIR/other")
	wrong "$config:2: $BATS_TEST_TMPDIR/other is not the key in use, and with another one connections move; if they may: lb set key \$(cat $BATS_TEST_TMPDIR/other)" \
		"attach ipip eth0" "key other"
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
}

@test "start does all that the file says, stop undoes it; what an administrator has set stays" {
	on lb ip addr add 192.168.178.16/32 dev eth0
	everything >"$BATS_TEST_TMPDIR/before"
	say "attach nat eth0 generic" "attach decap eth1" "nat set ports 20000-30000" "set debug on window 5" "key key" "restore services" \
		"decap add lb 192.168.178.10" "decap set cookies 1000" "decap add host 172.20.0.10" "decap add vip 10.99.0.1" \
		"vip 192.168.178.15 dev eth0" "vip 192.168.178.16 dev eth0" "vip 10.99.0.1 dev lo"
	refuses 0 "vip 10.99.0.1 lo" --dry-run start "$config"
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 19999"
	run -0 lb start "$config"
	[ "$(lb --json show | jq -c '[.flags, .window, .hash_key[-1]]')" = '[["debug"],5,7]' ]
	lb nat show | grep -q "ports 20000-30000"
	[ "$(lb decap show)" = $'vip 10.99.0.1\nhost 172.20.0.10\nlb 192.168.178.10\ncookies 1000' ]
	[ "$(on lb cat /proc/sys/net/ipv4/tcp_syncookies /proc/sys/net/ipv4/conf/lo/forwarding | paste -sd ' ')" = "2 1" ]
	lb service show | grep -q 172.16.0.10
	on lb ip link show eth0 | grep -q xdpgeneric
	[ "$(on lb sh -c 'cd /proc/sys/net/ipv4/conf; cat eth0/forwarding eth1/forwarding all/arp_ignore all/arp_announce' | paste -sd ' ')" = "1 0 1 2" ]
	[ "$(on lb ip -4 -o addr | grep -c -e 178.15/32 -e 10.99.0.1/32)" -eq 2 ]
	# without that line, it is as it was
	sed -i '/cookies/d' "$config"
	lb start "$config"
	[[ $(lb decap show) != *cookies* ]]
	[ "$(on lb cat /proc/sys/net/ipv4/tcp_syncookies /proc/sys/net/ipv4/conf/lo/forwarding | paste -sd ' ')" = "1 0" ]
	lb stop "$config"
	diff "$BATS_TEST_TMPDIR/before" <(everything)
	run -0 lb stop "$config"
	[ "$output" = "lb: nothing of $config has been started" ]
}

# families: settings of both of them, and what has to do with forwarding.
families() {
	lb --json show | jq -c '[.address, .address6, .source, .source6, .port]'
	on lb sh -c 'cd /proc/sys/net; cat ipv4/conf/eth0/forwarding ipv6/conf/eth0/forwarding ipv6/conf/eth0/accept_ra ipv6/conf/eth1/forwarding ipv4/conf/all/arp_ignore' | paste -sd ' '
	on lb ip -o addr show to 2001:db8::/64 | grep -oE "(eth0|lo) .* scope|deprecated|nodad" | tr -s ' ' | paste -sd ' '
}

@test "a backend that gives second chances: start does all of it, and stop undoes it" {
	everything >"$BATS_TEST_TMPDIR/before"
	say "attach relay eth1" "key key" "decap add lb 192.168.178.10" "decap add lb 172.20.0.0/24" "decap add host 172.20.0.10" \
		"decap add vip 10.99.0.1" "restore services" "vip 10.99.0.1 dev lo"
	run -0 lb start "$config"
	[ "$(lb --json show | jq -c '[.flags, .hash_key[-1]]')" = '[["backend"],7]' ]
	[ "$(lb decap show | wc -l)" -eq 4 ]
	lb service show | grep -q 172.16.0.10
	[ "$(on lb cat /proc/sys/net/ipv4/conf/eth1/forwarding)" -eq 1 ]
	lb stop "$config"
	diff "$BATS_TEST_TMPDIR/before" <(everything)
}

@test "start and stop with both families: settings, tunnels, VIPs, forwarding" {
	on lb sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.accept_ra=1
	wait_for 5 on lb sh -c '[ -z "$(ip -6 addr show tentative)" ]'
	everything >"$BATS_TEST_TMPDIR/before"
	printf '%s\n' "service tcp [2001:DB8::15]:8000" "  backend 172.16.0.10" "  backend [2001:db8:1::11]:80" >"$BATS_TEST_TMPDIR/services"
	say "attach ipip eth0" "attach decap eth1" "set address 192.168.178.9 address 2001:DB8::10" "set source 100.64.0.0/10 source 2001:db8:f::/48 port 7000" \
		"restore services" "decap add lb 2001:db8::/32" "decap add host 2001:db8:2::10 gue ipip" "decap add host 172.20.0.10" "decap add vip 2001:db8:0::16" \
		"vip 2001:db8:0::15 dev eth0" "vip 2001:db8::16 dev lo"
	refuses 0 "vip 2001:db8::15 eth0" --dry-run start "$config"
	run -0 lb start "$config"
	diff <(families) - <<-'END'
		["192.168.178.9","2001:db8::10","100.64.0.0/10","2001:db8:f::/48",7000]
		1 1 2 0 0
		lo inet6 2001:db8::16/128 scope nodad deprecated eth0 inet6 2001:db8::15/128 scope nodad deprecated
	END
	[ "$(lb decap show)" = $'host 172.20.0.10\nlb 2001:db8::/32\nvip 2001:db8::16\nhost 2001:db8:2::10 ipip gue:6080' ]
	diff <(lb service show) - <<-'END'
		service tcp [2001:db8::15]:8000 maglev
		  backend [2001:db8:1::11]:80 weight 1 up
		  backend 172.16.0.10 weight 1 up
	END
	# after an edit
	sed -i -e 's/gue ipip/gre/' -e 's/^decap add lb .*/decap add lb 192.168.178.10/' -e '/dev lo/d' "$config"
	run -0 lb start "$config"
	[ "$(lb decap show)" = $'host 172.20.0.10\nlb 192.168.178.10\nvip 2001:db8::16\nhost 2001:db8:2::10 gre' ]
	[ "$(families | tail -1)" = "eth0 inet6 2001:db8::15/128 scope nodad deprecated" ]
	lb stop "$config"
	diff "$BATS_TEST_TMPDIR/before" <(everything)
}

@test "start after an edit changes what differs: what the file does not say any more is undone" {
	local tag
	say "attach ipip eth0" "attach decap eth1" "decap add lb 192.168.178.10" "decap add lb 192.168.178.9" "restore services" \
		"vip 192.168.178.15 dev eth0" "vip 10.99.0.1 dev lo"
	lb start "$config"
	tag=$(on lb ip -j -d link show eth0 | jq '.[0].xdp.prog.id')
	say "attach ipip eth0" "attach decap eth1" "decap add lb,host 192.168.178.10" # a mistake first
	run -1 lb start "$config"
	say "attach ipip eth0" "attach decap eth1" "decap add lb 192.168.178.9" "decap add host 192.168.178.9" "vip 192.168.178.17 dev eth0"
	run -0 lb -v start "$config"
	[[ $output != *"xdp obj"* ]]
	[ "$(on lb ip -j -d link show eth0 | jq '.[0].xdp.prog.id')" = "$tag" ]
	[ "$(lb decap show)" = $'lb 192.168.178.9\nhost 192.168.178.9' ]
	[ "$(on lb ip -4 -o addr | grep -o -e '178.1[57]/32' -e '10.99.0.1/32')" = 178.17/32 ]
	[ "$(on lb cat /proc/sys/net/ipv4/conf/all/arp_ignore)" -eq 0 ]
	lb service show | grep -q 172.16.0.10 # not named, not touched
	# a program that was taken off comes on again
	on lb ip link set dev eth0 xdp off
	lb start "$config"
	has_xdp eth0
	say "attach ipip eth0"
	lb start "$config"
	run ! has_xdp eth1
	has_xdp eth0
	lb stop "$config"
	[ -z "$(on lb ls "$MAPS")" ]
	[ "$(on lb cat /proc/sys/net/ipv4/conf/eth0/forwarding)" -eq 0 ]
}

@test "a step that fails undoes those before it; one that is killed is made good by the next" {
	local before
	before=$(everything)
	# an object that the kernel does not take, on the second device
	mkdir "$BATS_TEST_TMPDIR/copy"
	cp -r bpf maps scripts "$BATS_TEST_TMPDIR/copy"
	echo nonsense >"$BATS_TEST_TMPDIR/copy/bpf/xdp_decap.o"
	say "attach ipip eth0" "restore services" "attach decap eth1" "vip 192.168.178.15 dev eth0"
	run -1 on lb "$BATS_TEST_TMPDIR/copy/scripts/lb" start "$config"
	[[ $output == *"$config:3: eth1 does not take the program"* ]]
	diff <(echo "$before") <(everything)
	# killed while it attaches
	on lb timeout -s KILL 0.5 scripts/lb start "$config" || true
	lb start "$config"
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	lb stop "$config"
	diff <(echo "$before") <(everything)
	# a device that is gone
	lb start "$config"
	on lb ip link del eth1
	lb stop "$config"
	[ -z "$(on lb ls "$MAPS")" ]
}
