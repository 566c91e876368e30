#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lb doctor: on machines as they should be, everything is fine. Then each fact is made false, one after the other: doctor
# names it and no other, and what it prints to mend it does so.

load ../lib/helper

setup_file() {
	scripts/node destroy --all
	scripts/node create gateway eth0=lan:192.168.178.2/24 eth1=dc:172.16.0.2/24
	scripts/node create lb eth0=lan:192.168.178.10/24 eth1=dc:172.16.0.1/24 via 192.168.178.2
	scripts/node create near eth0=lan:192.168.178.11/24 via 192.168.178.2
	scripts/node create far eth0=dc:172.16.0.10/24
	# Whatever new namespaces begin with here.
	for node in lb near far; do
		on $node sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.all.arp_ignore=0 \
			net.ipv4.conf.all.arp_announce=0
	done
	on lb sysctl -qw net.ipv4.ip_forward=1 net.ipv4.ip_local_port_range="1024 9999"
	on lb ip addr add 192.168.178.15/32 dev eth0
	for node in near far; do
		on $node ip addr add 192.168.178.15/32 dev lo
		on $node sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.arp_announce=2
	done
	on far ip route add default via 172.16.0.2 dev eth0 advmss 1440
}

teardown_file() {
	scripts/node destroy --all
}

teardown() {
	on lb bash -c 'read -r pid </run/xdp-lb/watch/pid && kill $pid' 2>/dev/null || true
	on lb scripts/lb detach eth1 2>/dev/null || true
	on lb scripts/lb detach eth0 2>/dev/null || true
}

fakes='' # folders of tools that say something else, for PATH: "FOLDER:"

# balancer MODE BACKEND...: of one service, with its program on eth0.
balancer() {
	local backend
	lb attach "$1" eth0
	{
		echo "service tcp 192.168.178.15:8000"
		for backend in "${@:2}"; do echo "  backend $backend"; done
	} | lb restore -
	lb refresh
	wait_for 20 knows_neighbours
}

# knows_neighbours: the MAC addresses of all next hops.
knows_neighbours() {
	! on lb ip neigh show | grep managed | grep -qv lladdr
}

# typed NODE COMMAND: as a person types it there, after `make install`.
typed() {
	on "$1" env "PATH=$fakes$PWD/scripts:$PATH" timeout 60 bash -ec "$2" </dev/null
}

# visit NODE [WORD...]: what doctor finds, as JSON in found.
visit() {
	found=$(on "$1" env "PATH=$fakes$PATH" scripts/lb --json doctor "${@:2}") || true
}

# says_of_links FILTER: from now on doctor sees other devices than there are: not every kernel can make all of them.
says_of_links() {
	fakes=$BATS_TEST_TMPDIR/fake:
	mkdir -p "$BATS_TEST_TMPDIR/fake"
	cat >"$BATS_TEST_TMPDIR/fake/ip" <<-END
		#!/bin/bash
		[[ "\$*" == "-j -d addr" ]] || exec $(type -P ip) "\$@"
		$(type -P ip) -j -d addr | jq -c '$1'
	END
	chmod +x "$BATS_TEST_TMPDIR/fake/ip"
}

# unwell: the facts that are not so, or could be better, a line each.
unwell() {
	jq -r '.[] | select((.ok | not) or .mend) | .fact' <<<"$found"
}

# fine NODE [WORD...]: doctor has nothing to say.
fine() {
	visit "$@"
	[ "$(jq length <<<"$found")" -ge 5 ]
	[ -z "$(unwell)" ] || {
		jq -c '.[] | select((.ok | not) or .mend)' <<<"$found"
		false
	}
}

# troubles NODE [WORD...]: lines on stdin,
#	FACT | COMMAND                 makes it false; doctor's command mends it
#	FACT | COMMAND | COMMAND       only a person can mend it, like this
# Each fact but the one that is expected must be so: so this also shows that the one before was mended.
troubles() {
	local fact break undo mend
	while IFS='|' read -r fact break undo; do
		fact=$(sed 's/^\s*//; s/\s*$//' <<<"$fact")
		[[ -n $fact ]] || continue
		echo "# $fact |$break"
		typed "$1" "$break" >/dev/null
		visit "$@"
		[ "$(unwell)" = "$fact" ] || {
			echo "found: $(jq -c '.[] | select((.ok | not) or .mend)' <<<"$found")"
			return 1
		}
		mend=$(jq -r '.[] | select((.ok | not) or .mend).mend // empty' <<<"$found")
		[[ (-n $mend && -z $undo) || (-z $mend && -n $undo) ]] || {
			echo "mend: $mend"
			return 1
		}
		typed "$1" "${undo:-$mend}" >/dev/null
	done
	fine "$@"
}

@test "a line for each fact, and under one that is not so the command that mends it; exit status 1" {
	balancer ipip 172.16.0.10
	run -0 lb doctor
	[ "$(grep -c '^ok: ' <<<"$output")" -eq "${#lines[@]}" ]
	[ "${#lines[@]}" -ge 20 ]
	[[ $output == *"ok: eth0 forwards, so that the program may ask for routes (forwarding=1)"* ]]
	# the fingerprints, which two machines compare
	[[ $output == *"(fingerprint $(lb fingerprint))"* ]]
	lb set key "$(printf 'ab%.0s' {1..32})"
	on lb sysctl -qw net.ipv4.ip_forward=0
	run -1 lb doctor
	[[ $output == *"fingerprint $(printf '\xab%.0s' {1..32} | sha256sum | head -c 8)"* ]]
	[[ $output != *abab* ]]
	[ "$(grep -A 1 '^not ok' <<<"$output")" = "not ok: eth0 forwards, so that the program may ask for routes: forwarding=0
    sysctl -w net.ipv4.ip_forward=1" ]
	on lb sysctl -qw net.ipv4.ip_forward=1
	run -0 lb --json doctor
	[ "$(jq -c '.[] | select(.fact == "bpffs is mounted on /sys/fs/bpf")' <<<"$output")" = \
		'{"fact":"bpffs is mounted on /sys/fs/bpf","ok":true,"found":"there","mend":null}' ]
}

@test "a load balancer of ipip" {
	balancer ipip 172.16.0.10 10.9.0.1
	fine lb
	troubles lb <<-'END'
		eth0 forwards, so that the program may ask for routes | sysctl -w net.ipv4.ip_forward=0
		eth0 forwards, so that the program may ask for routes | sysctl -w net.ipv4.conf.eth0.forwarding=0
		xdp_ipip runs on eth0 in native mode | ip link set dev eth0 xdp off; lb attach ipip eth0 generic
		what this machine sends out of eth0 has its checksums | ethtool -K eth0 tx on
		its maps are pinned | cd /sys/fs/bpf/xdp/globals && rm stats services
		bpffs is mounted on /sys/fs/bpf | mount -t tmpfs tmpfs /sys/fs/bpf
		its maps are pinned | true
		the load balancer's own address is one of this machine | lb attach ipip eth0; lb set address 192.168.178.77
		the hash key is set; all of a group have the same | lb set key $(printf '00%.0s' {1..32})
		debug is off | lb set debug on
		this machine answers ARP for every VIP | ip addr del 192.168.178.15/32 dev eth0
		this machine answers ARP for every VIP | ip addr del 192.168.178.15/32 dev eth0; ip addr add 192.168.178.15/32 dev lo; sysctl -w net.ipv4.conf.eth0.arp_ignore=1
		there is a route to every backend | ip route del default
		the kernel keeps the MAC address of every next hop known | ip route add default via 192.168.178.2; ip neigh del 192.168.178.2 dev eth0
		the kernel keeps the MAC address of every next hop known | ip neigh del 172.16.0.10 dev eth1; ping -c 1 172.16.0.10
		the way to the backends has the MTU of the way here | ip link set dev eth1 mtu 1400
		v1, the other end of v0, has an XDP program | ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up; ip neigh add 10.9.0.1 dev v0 lladdr 02:00:00:00:00:01; ip route replace 10.9.0.1 dev v0
		every service has a backend that gets packets | ip link del v0; lb backend set tcp 192.168.178.15:8000 172.16.0.10 weight 0; lb backend set tcp 192.168.178.15:8000 10.9.0.1 down
		every service has a backend that gets packets | lb service add udp 192.168.178.15:53 | lb service del udp 192.168.178.15:53
		lb watch runs: there are checks (tcp) | lb check add tcp 192.168.178.15:8000 tcp fall 100
		debug is off | until read -r _ </run/xdp-lb/watch/pid; do sleep 0.1; done 2>/dev/null; lb set debug on
		eth1 is up | kill $(cat /run/xdp-lb/watch/pid); until flock -n /run/xdp-lb/watch true; do sleep 0.1; done; lb check del tcp 192.168.178.15:8000 tcp; lb attach ipip eth1; ip link set dev eth1 down
		the kernel keeps the MAC address of every next hop known | ip neigh flush dev eth1
		XDP can send out of the devices to the backends | lb detach eth1; ip link add br0 type bridge; ip link set br0 up; ip addr flush dev eth1; ip link set eth1 master br0; ip addr add 172.16.0.1/24 dev br0; lb refresh
		eth0 does not join packets before the program sees them | ethtool -K eth0 gro on
	END
	[ "$(jq -r '.[] | select(.fact == "xdp_ipip runs on eth0 in generic mode").found' <<<"$found")" = "because br0 is a bridge" ]
	on lb bash -c 'ip link del br0; ip addr add 172.16.0.1/24 dev eth1; ip addr del 192.168.178.15/32 dev lo
		sysctl -qw net.ipv4.conf.eth0.arp_ignore=0'
}

@test "a load balancer of nat" {
	balancer nat 172.16.0.10 192.168.178.11
	lb attach nat eth1
	troubles lb <<-'END'
		answers of backends come in by a device with the program | lb detach eth1
		this machine's own connections do not use ports that are lent | sysctl -w net.ipv4.ip_local_port_range="32768 60999"
		no server on this machine has a port that is lent | setsid -f socat TCP-LISTEN:12345 STDOUT </dev/null >/dev/null 2>&1; until [[ -n $(ss -Hlnt "sport = 12345") ]]; do sleep 0.05; done
		there is room in the maps | bpftool map update pinned /sys/fs/bpf/xdp/globals/nat_events key 3 0 0 0 value 0 0 2 0 0 0 0 0 0 0 0 0 0 0 0 0 | bpftool map update pinned /sys/fs/bpf/xdp/globals/nat_events key 3 0 0 0 value 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
		a load balancer's program runs on a device | ip link set dev eth0 xdp off; ip link set dev eth1 xdp off
		answers of backends come in by a device with the program | true
	END
}

@test "a load balancer of l2dsr, and another machine that has its VIP" {
	balancer l2dsr 192.168.178.11
	troubles lb <<-'END'
		every backend is on a network of this machine | lb backend add tcp 192.168.178.15:8000 10.9.0.1 | lb backend del tcp 192.168.178.15:8000 10.9.0.1
		there is a route to every backend | lb backend add tcp 192.168.178.15:8000 10.9.0.1; ip route del default | ip route add default via 192.168.178.2; lb backend del tcp 192.168.178.15:8000 10.9.0.1; lb refresh
	END
	on near sysctl -qw net.ipv4.conf.eth0.arp_ignore=0
	visit lb
	[ "$(unwell)" = "no other machine answers ARP for a VIP" ]
	[[ $found == *"192.168.178.15 is at $(on near cat /sys/class/net/eth0/address), too"* ]]
	typed near "$(jq -r '.[].mend // empty' <<<"$found")"
	fine lb
	on near sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.all.arp_announce=0
}

@test "a backend of ipip, with decap" {
	on far scripts/lb attach decap eth0
	on far scripts/lb decap add lb 192.168.178.10
	on far scripts/lb decap add host 172.16.0.10
	on far scripts/lb decap add vip 192.168.178.15
	fine far
	troubles far <<-'END'
		packets are unwrapped | ip link set dev eth0 xdp off
		xdp_decap runs on eth0 in native mode | ip link set dev eth0 xdp off; lb attach decap eth0 generic
		its maps are pinned | rm /sys/fs/bpf/xdp/globals/decap_addresses
		decap's list has a load balancer | lb decap del lb 192.168.178.10 | lb decap add lb 192.168.178.10
		and it is another machine | lb decap add lb 172.16.0.10
		decap's list has an address of this host | lb decap del host 172.16.0.10
		and none that is not | lb decap add host 172.16.0.99
		decap's list has the VIPs | lb decap del vip 192.168.178.15
		the VIPs are on lo | ip addr del 192.168.178.15/32 dev lo
		and on no other device | ip addr add 192.168.178.15/24 dev eth0
		eth0 does not answer ARP for a VIP | sysctl -w net.ipv4.conf.eth0.arp_ignore=0
		eth0 does not answer ARP for a VIP | sysctl -w net.ipv4.conf.all.arp_ignore=8
		eth0 does not ask by ARP in the name of a VIP | sysctl -w net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.eth0.arp_announce=1
		eth0 takes packets of clients | sysctl -w net.ipv4.conf.all.rp_filter=1; ip link add v0 type veth peer name v1; ip link set v0 up; ip route replace default dev v0
		clients are asked for segments that leave room for the tunnel | ip link del v0; ip route add default via 172.16.0.2 dev eth0 proto static
		clients are asked for segments that leave room for the tunnel | ip route replace default via 172.16.0.2 dev eth0 proto static advmss 1450
		what this machine sends out of eth0 has its checksums | ethtool -K eth0 tx on
	END
	on far sysctl -qw net.ipv4.conf.all.rp_filter=0
	[[ $(on far ip route show default) == *"advmss 1440"* ]]
	# a VIP that somebody has forgotten
	visit far backend ipip 192.168.178.16
	[ "$(unwell | sed -n 1p)" = "decap's list has the VIPs" ]
	on far scripts/lb detach eth0
	run -1 on far scripts/lb doctor backend ipip 192.168.178.15
	[[ $output == *"not ok: packets are unwrapped"*"lb attach decap eth0"* ]]
}

@test "a backend of ipip where the kernel unwraps" {
	on far bash -c 'ip link add ipip0 type veth peer name end; ip link set ipip0 up; ip link set end up'
	says_of_links 'map(if .ifname == "ipip0" then .linkinfo.info_kind = "ipip" else . end)'
	fine far backend ipip 192.168.178.15
	troubles far backend ipip 192.168.178.15 <<-'END'
		ipip0 takes packets of clients | sysctl -w net.ipv4.conf.ipip0.rp_filter=1
		clients are asked for segments that leave room for the tunnel | ip route replace default via 172.16.0.2 dev eth0
	END
	on far ip link del ipip0
}

@test "a backend of l2dsr, and one of nat, which have no program: say what they are" {
	fine near backend l2dsr 192.168.178.15
	troubles near backend l2dsr 192.168.178.15 192.168.178.16 <<-'END'
		the VIPs are on lo | true
		eth0 does not answer ARP for a VIP | sysctl -w net.ipv4.conf.eth0.arp_ignore=0
	END
	troubles near backend nat 192.168.178.15 192.168.178.16 <<-'END'
		the VIPs are no addresses of this machine | true
		what this machine sends out of eth0 has its checksums | ethtool -K eth0 tx on
	END
	on near ip addr add 192.168.178.15/32 dev lo
	run -1 on near scripts/lb doctor
	[[ $output == *"this machine's job cannot be seen"*"lb doctor backend nat|l2dsr|ipip|gre|fou|gue VIP..."* ]]
	run -2 on near scripts/lb doctor backend
	[[ $output == *"a backend of which mode?"* ]]
	run -2 on near scripts/lb doctor backend vxlan 192.168.178.15
	run -2 on near scripts/lb doctor backend l2dsr
	[[ $output == *"which VIPs?"* ]]
	run -2 on near scripts/lb doctor patient
	[[ $output == *"unexpected word 'patient'"* ]]
	run -1 on near scripts/lb doctor backend l2dsr 192.168.178.256
	[[ $output == *"'192.168.178.256' is no IPv4 address"* ]]
	run -1 as_nobody scripts/lb doctor
	[[ $output == *"only root can do that"* ]]
}

# speaks_ipv6: the machines of this file have IPv6 addresses, too.
speaks_ipv6() {
	local node
	on gateway ip addr replace 2001:db8:178::2/64 dev eth0 nodad
	on gateway ip addr replace 2001:db8:16::2/64 dev eth1 nodad
	on lb sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.all.keep_addr_on_down=0 net.ipv6.conf.eth0.keep_addr_on_down=1
	on lb ip addr replace 2001:db8:178::10/64 dev eth0 nodad
	on lb ip addr replace 2001:db8:16::1/64 dev eth1 nodad
	on lb ip addr replace fe80::1/64 dev eth1 nodad # without one the kernel asks nobody, and a test before may have flushed it
	on lb ip addr replace 2001:db8:178::15/128 dev eth0 nodad preferred_lft 0
	on lb ip route replace default via 2001:db8:178::2
	on near ip addr replace 2001:db8:178::11/64 dev eth0 nodad
	on far ip addr replace 2001:db8:16::10/64 dev eth0 nodad
	for node in near far; do on $node ip addr replace 2001:db8:178::15/128 dev lo; done
	on near ip route replace default via 2001:db8:178::2
	on far ip route replace default via 2001:db8:16::2 advmss 1400
}

# balancer6 MODE BACKEND...: of one service of IPv6.
balancer6() {
	local backend
	lb attach "$1" eth0
	{
		echo "service tcp [2001:db8:178::15]:8000"
		for backend in "${@:2}"; do echo "  backend $backend"; done
	} | lb restore -
	lb refresh
	wait_for 20 knows_neighbours
}

@test "IPv6: a load balancer" {
	speaks_ipv6
	balancer6 ipip 2001:db8:16::10 2001:db8:9::1
	fine lb
	[[ $(jq -r '.[].found' <<<"$found") == *"the tunnel takes 40 of them, so backends ask for segments of 1400: advmss"* ]]
	# nothing of IPv4 is in use
	[[ $(jq -r '.[].fact' <<<"$found") != *ARP* ]]
	troubles lb <<-'END'
		eth0 forwards IPv6, so that the program may ask for routes | sysctl -w net.ipv6.conf.all.forwarding=0
		eth0 forwards IPv6, so that the program may ask for routes | sysctl -w net.ipv6.conf.eth0.forwarding=0
		the load balancer's own IPv6 address is one of this machine | lb set address 2001:db8:178::77
		this machine answers neighbour discovery for every VIP | ip addr del 2001:db8:178::15/128 dev eth0
		this machine answers neighbour discovery for every VIP | ip addr del 2001:db8:178::15/128 dev eth0; ip addr add 2001:db8:178::15/128 dev lo
		this machine sends nothing of its own from a VIP of IPv6 | ip addr del 2001:db8:178::15/128 dev lo; ip addr change 2001:db8:178::15/128 dev eth0 preferred_lft forever
		IPv6 addresses stay when a link is set down | sysctl -w net.ipv6.conf.eth0.keep_addr_on_down=0
		there is a route to every backend | ip route del default via 2001:db8:178::2
		the kernel keeps the MAC address of every next hop known | ip route replace default via 2001:db8:178::2; ip neigh del 2001:db8:178::2 dev eth0
		the kernel keeps the MAC address of every next hop known | ip neigh del 2001:db8:16::10 dev eth1; ping -c 1 2001:db8:16::10
	END
	# Another machine has the VIP on the network: what was found, when the kernel asked (duplicate address detection) ...
	on near ip addr add 2001:db8:178::15/128 dev eth0 nodad
	on lb ip addr del 2001:db8:178::15/128 dev eth0
	on lb ip addr add 2001:db8:178::15/128 dev eth0 preferred_lft 0
	wait_for 10 eval '[[ $(on lb ip -6 addr show dev eth0 dadfailed) == *2001:db8:178::15* ]]'
	visit lb
	[ "$(unwell)" = "no other machine was found to have an address of this one
no other machine answers neighbour discovery for a VIP" ]
	# ... and what it answers now.
	[[ $found == *"2001:db8:178::15 is at $(on near cat /sys/class/net/eth0/address), too; if it is a backend"* ]]
	typed lb "$(jq -r '.[].mend // empty' <<<"$found")"
	visit near backend l2dsr 2001:db8:178::15
	[ "$(unwell)" = "and on no other device" ]
	typed near "$(jq -r '.[].mend // empty' <<<"$found")"
	fine lb
}

@test "IPv6: what is on the way of a load balancer of both families" {
	speaks_ipv6
	balancer6 l2dsr 192.168.178.11 2001:db8:178::11
	fine lb
	troubles lb <<-'END'
		eth0 forwards, so that the program may ask for routes | sysctl -w net.ipv4.ip_forward=0
		eth0 forwards IPv6, so that the program may ask for routes | sysctl -w net.ipv6.conf.all.forwarding=0
		every backend is on a network of this machine | lb backend add tcp [2001:db8:178::15]:8000 2001:db8:9::1 | lb backend del tcp [2001:db8:178::15]:8000 2001:db8:9::1
	END
	# A default route that a router has told of is kept when this machine becomes one itself.
	on lb ip route replace default via 2001:db8:178::2 proto ra
	on lb sysctl -qw net.ipv6.conf.all.forwarding=0
	visit lb
	[ "$(jq -r '.[].mend // empty' <<<"$found")" = "sysctl -w net.ipv6.conf.eth0.accept_ra=2 && sysctl -w net.ipv6.conf.all.forwarding=1" ]
	on lb sysctl -qw net.ipv6.conf.all.forwarding=1
}

@test "IPv6: backends, of every tunnel" {
	speaks_ipv6
	on far ip addr del 192.168.178.15/32 dev lo
	on far scripts/lb attach decap eth0
	on far scripts/lb decap add lb 2001:db8:178::/64
	on far scripts/lb decap add host 2001:db8:16::10 ipip
	on far scripts/lb decap add vip 2001:db8:178::15
	fine far
	troubles far <<-'END'
		decap's list has an address of this host | lb decap del host 2001:db8:16::10
		decap's list has the VIPs | lb decap del vip 2001:db8:178::15
		the VIPs are on lo | ip addr del 2001:db8:178::15/128 dev lo
		and on no other device | ip addr add 2001:db8:178::15/64 dev eth0 nodad
		no device answers neighbour discovery for a VIP | ip neigh add proxy 2001:db8:178::15 dev eth0
		clients are asked for segments that leave room for the tunnel | ip -6 route replace default via 2001:db8:16::2 dev eth0
	END
	troubles far backend gue 2001:db8:178::15 <<-'END'
		decap takes gue | true
		clients are asked for segments that leave room for the tunnel | true
	END
	[[ $(jq -r '.[].found' <<<"$found") == *"at 2001:db8:16::10: ipip gue:6080"* ]]
	[[ $(on far ip -6 route show default) == *"advmss 1388"* ]]
	on far scripts/lb detach eth0
	fine near backend l2dsr 2001:db8:178::15
	troubles near backend nat 2001:db8:178::15 <<<"the VIPs are no addresses of this machine | true"
	on far ip addr add 192.168.178.15/32 dev lo
}

@test "a kernel, or a machine, that lacks something" {
	echo 5.15.0-91-generic >"$BATS_TEST_TMPDIR/osrelease"
	mkdir "$BATS_TEST_TMPDIR/tools"
	ln -s /bin/* /usr/sbin/{bpftool,ethtool} /sbin/ip "$BATS_TEST_TMPDIR/tools" 2>/dev/null || true
	rm "$BATS_TEST_TMPDIR/tools/arping"
	on lb mount --bind "$BATS_TEST_TMPDIR/osrelease" /proc/sys/kernel/osrelease
	on lb mount -t tmpfs none /sys/kernel/btf
	run -1 on lb env PATH="$BATS_TEST_TMPDIR/tools" scripts/lb doctor
	on lb umount /proc/sys/kernel/osrelease /sys/kernel/btf
	[ "$(grep -v ^ok <<<"$output")" = "not ok: the kernel is 6.1 or newer: 5.15.0-91-generic
not ok: the kernel has BTF: there is no /sys/kernel/btf/vmlinux; take a kernel with CONFIG_DEBUG_INFO_BTF
not ok: the tools are there: missing: arping
    $PWD/scripts/deps lab" ]
}

# a_card DRIVER: eth1 of lb is one, as ethtool has it: of 4 queues, and with lro. What is set is kept in files.
a_card() {
	on lb bash -c 'mkdir -p /run/card && cd /run/card && echo 2 >queues && echo 2 >spread && echo off >lro'
	fakes=$BATS_TEST_TMPDIR/fake:
	mkdir -p "$BATS_TEST_TMPDIR/fake"
	cat >"$BATS_TEST_TMPDIR/fake/nproc" <<-'END'
		#!/bin/bash
		echo 2
	END
	cat >"$BATS_TEST_TMPDIR/fake/ethtool" <<-END
		#!/bin/bash
		cd /run/card
		case "\$*" in
		"-i eth1") echo "driver: $1" ;;
		"-l eth1") printf '%s:\nRX:\tn/a\nCombined:\t%s\n' "Pre-set maximums" 4 "Current hardware settings" "\$(<queues)" ;;
		"-L eth1 combined "*) echo "\$4" >queues && echo "\$4" >spread ;;
		"-x eth1") for ((i = 0; i < 16; i += 8)); do printf '%5d: ' \$i; for ((j = 0; j < 8; j++)); do printf '%6d' \$((j % \$(<spread))); done; echo; done ;;
		"-X eth1 equal "*) echo "\$4" >spread ;;
		"-g eth1") printf '%s:\nRX:\t%s\n' "Pre-set maximums" 4096 "Current hardware settings" 256 ;;
		"-k eth1") echo "large-receive-offload: \$(<lro)" ;;
		"-K eth1 lro "*) echo "\$4" >lro ;;
		*) exec $(type -P ethtool) "\$@" ;;
		esac
	END
	chmod +x "$BATS_TEST_TMPDIR"/fake/*
}

@test "a device, before a program is attached to it" {
	fine lb eth1
	troubles lb eth1 <<-'END'
		eth1 is up | ip link set dev eth1 down
		no program of others is on eth1 | ip link set dev eth1 xdp obj bpf/xdp_pass.o sec xdp
		no program of others is on eth1 | ip link set dev eth1 xdpgeneric obj bpf/xdp_pass.o sec xdp
		eth1 is where a program belongs | ip link add br0 type bridge; ip link set eth1 master br0 | ip link del br0
	END
	run -2 lb doctor eth1 eth0
	# a card, as a tool that says so: its queues, offloads and buffers
	a_card igb
	fine lb eth1
	[ "$(jq -r '.[] | select(.fact == "the driver of eth1 has native XDP").found' <<<"$found")" = igb ]
	troubles lb eth1 <<-'END'
		eth1 does not join packets before the program sees them | ethtool -K eth1 lro on
		eth1 receives by as many queues as there can be CPUs for them | ethtool -L eth1 combined 1
		the card spreads packets over all of them (RSS) | ethtool -X eth1 equal 1
		frames of eth1 fit into what its driver has for one with XDP | ip link set dev eth1 mtu 3400
	END
	on lb ip link set dev eth1 mtu 1500
	a_card e1000e
	visit lb eth1
	[ "$(unwell)" = "the driver of eth1 has native XDP" ] # but it works, in generic mode
	[[ $(jq -r '.[] | select(.fact == "the driver of eth1 has native XDP").mend' <<<"$found") == "lb attach ipip eth1 generic"* ]]
	a_card virtio_net
	on lb bash -c 'cd /run/card && echo 3 | tee queues >spread'
	troubles lb eth1 <<<'eth1 has a queue for each CPU to send by, beside 3 others | true'
	[ "$(on lb cat /run/card/queues)" -eq 2 ]
}

@test "hardware that joins packets, or takes VLAN tags off, as tools that say so" {
	balancer ipip 172.16.0.10
	# rxvlan of a veth is as real as that of a card
	says_of_links '. + [{ifname: "eth0.5", link: "eth0", flags: ["UP", "LOWER_UP"], mtu: 1500, linkinfo: {info_kind: "vlan"}, addr_info: []}]'
	# a card with lro, which a veth has not
	cat >"$BATS_TEST_TMPDIR/fake/ethtool" <<-'END'
		#!/bin/bash
		tool=$(type -ap ethtool | tail -n 1) state=/run/fake-lro
		case "$*" in
		"-k eth0") "$tool" -k eth0 | sed "s/^large-receive-offload:.*/large-receive-offload: $(cat $state 2>/dev/null || echo off)/" ;;
		"-K eth0 lro "*) echo "$4" >$state ;;
		*) exec "$tool" "$@" ;;
		esac
	END
	chmod +x "$BATS_TEST_TMPDIR/fake/ethtool"
	troubles lb <<-'END'
		eth0 leaves VLAN tags in packets (for eth0.5) | true
		eth0 does not join packets before the program sees them | ethtool -K eth0 lro on
	END
	on lb ethtool -K eth0 rxvlan on
}

# builds FLAG...: the object of ipip anew, in a copy of the repository that lb below uses.
builds() {
	clang -target bpf -O2 -g -mcpu=v3 -std=gnu11 -idirafter "/usr/include/$(uname -m)-linux-gnu" "$@" \
		-c "$copy/bpf/xdp_ipip.c" -o "$copy/bpf/xdp_ipip.o"
}

@test "a program that was built elsewhere and loaded by hand, after ours was built" {
	local copy=$BATS_TEST_TMPDIR/copy fact="it is the program in $PWD/bpf/xdp_ipip.o"
	mkdir "$copy"
	cp -r bpf headers maps "$copy"
	balancer ipip 172.16.0.10
	on lb ip -force link set dev eth0 xdp obj bpf/xdp_ipip.o sec xdp
	fine lb # by hand, but ours
	builds -mcpu=v2
	on lb ip -force link set dev eth0 xdp obj "$copy/bpf/xdp_ipip.o" sec xdp
	visit lb
	[ "$(unwell)" = "$fact" ]
	troubles lb <<<"$fact | true"
}

@test "an object that is not what runs any more; to compare them changes nothing" {
	local copy=$BATS_TEST_TMPDIR/copy before
	mkdir "$copy"
	cp -r bpf headers maps scripts "$copy"
	balancer ipip 172.16.0.10
	cd "$copy" || return
	fine lb # the copies are younger than what runs, but they are the same
	before=$(state)
	sed -i 's/define ICMP_TTL 64/define ICMP_TTL 63/' "$copy/headers/lb/icmp_error.h"
	builds
	fact="it is the program in $copy/bpf/xdp_ipip.o"
	visit lb
	[ "$(unwell)" = "$fact" ]
	diff <(echo "$before") <(state)
	troubles lb <<<"$fact | true"
	builds -DMAX_FLOWS=1024
	troubles lb <<<"$fact | true"
	[ "$(lb service show | wc -l)" -eq 2 ]
	rm "$copy/bpf/xdp_ipip.o"
	visit lb
	[ "$(jq -r '.[].mend // empty' <<<"$found")" = "make -C $copy" ]
}
