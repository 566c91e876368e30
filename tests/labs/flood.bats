#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# SYN cookies of xdp_decap with real connections: a backend whose listener has room for 16 handshakes, while SYNs with invented
# sources come through the tunnel. tests/packets/cookies.bats has single packets, tests/bench/syn_flood.sh measures.

load ../lib/helper

setup_file() {
	local node
	make -s tests/bench/build/flood.o
	scripts/node destroy --all
	scripts/node create client eth0=lan:192.168.178.20/24,2001:db8:178::20/64
	scripts/node create lb eth0=lan:192.168.178.10/24,2001:db8:178::10/64
	# It answers by the client's machine, which drops what is not for it.
	scripts/node create backend eth0=lan:192.168.178.11/24,2001:db8:178::11/64 via 192.168.178.20 via 2001:db8:178::20
	on lb sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	on lb ip addr add 192.168.178.15/32 dev eth0
	on lb ip addr add 2001:db8:178::15/128 dev eth0 nodad preferred_lft 0
	lb attach ipip eth0
	printf '%s\n' "service tcp 192.168.178.15:8000" "backend 192.168.178.11" "service tcp [2001:db8:178::15]:8000" "backend 2001:db8:178::11" | lb restore -
	for node in 192.168.178.15/32 2001:db8:178::15/128; do on backend ip addr add $node dev lo; done
	on backend sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.arp_announce=2
	on backend scripts/lb attach decap eth0
	for node in 192.168.178 2001:db8:178:; do
		on backend scripts/lb decap add lb "$(host $node 10)"
		on backend scripts/lb decap add host "$(host $node 11)"
		on backend scripts/lb decap add vip "$(host $node 15)"
	done
	head -c 1000000 /dev/urandom >"$BATS_FILE_TMPDIR/large"
	background backend python3 -c 'import http.server, os, socket, sys
os.chdir(sys.argv[1])
class Server(http.server.ThreadingHTTPServer):
    address_family, request_queue_size = socket.AF_INET6, 16
Server(("::", 8000), http.server.SimpleHTTPRequestHandler).serve_forever()' "$BATS_FILE_TMPDIR"
	wait_for 20 gets 192.168.178.15 5
	wait_for 20 gets 2001:db8:178::15 5
}

teardown_file() {
	scripts/node destroy --all
}

teardown() {
	end_flood
}

end_flood() {
	[[ ! -e $BATS_TEST_TMPDIR/flooder ]] || on lb kill "$(<"$BATS_TEST_TMPDIR/flooder")" || true
}

# host NETWORK NUMBER: an address.
host() {
	if [[ $1 == *: ]]; then echo "$1:$2"; else echo "$1.$2"; fi
}

# gets VIP SECONDS: whether a file comes in that time, as it is.
gets() {
	on client curl -sS --max-time "$2" "http://$(bracketed "$1"):8000/large" | cmp - "$BATS_FILE_TMPDIR/large"
}

# flood VIP: 2000 SYNs a second to the backend, until the test ends, at most for two minutes.
flood() {
	local network=192.168.178
	[[ $1 != *:* ]] || network=2001:db8:178:
	# shellcheck disable=SC2016 # expanded over there: its number on the node, so that it can be ended
	on lb bash -c 'echo $$ >"$0"; exec "$@"' "$BATS_TEST_TMPDIR/flooder" tests/lib/flood.py eth0 "$(on backend cat /sys/class/net/eth0/address)" inner 240000@2000 \
		"$(host $network 11)" "$1:8000" "$(host $network 10)" >"$BATS_TEST_TMPDIR/flood" 2>&1 3>&- &
	wait_for 30 grep -q sending "$BATS_TEST_TMPDIR/flood"
}

# counted NAME: frames that xdp_decap has counted.
counted() {
	on backend scripts/lb --json decap stats | jq --arg name "$1" '.[] | select(.name == $name).packets'
}

# is_reachable VIP: 20 requests are answered, while at least a thousand SYNs of the flood are, too.
is_reachable() {
	local before i
	before=$(counted syn_answered)
	flood "$1"
	for ((i = 0; i < 20; i++)); do gets "$1" 30; done
	wait_for 60 eval "((\$(counted syn_answered) - $before >= 1000))"
	gets "$1" 30
}

@test "without cookies, nobody reaches the backend" {
	on backend sysctl -qw net.ipv4.tcp_syncookies=0
	flood 192.168.178.15
	# Its row is full from the first 16 SYNs on, and whoever leaves it makes room for the next one of 2000 in a second.
	wait_for 30 eval '! gets 192.168.178.15 2'
}

@test "with cookies of the program, a client has its answers, over IPv4 and over IPv6" {
	on backend sysctl -qw net.ipv4.tcp_syncookies=2 net.ipv4.conf.lo.forwarding=1 net.ipv6.conf.lo.forwarding=1
	on backend scripts/lb decap set cookies 10
	is_reachable 192.168.178.15
	[ "$(on backend nstat -asz TcpExtSyncookiesFailed | awk '/Failed/ { print $2 }')" -eq 0 ]
	end_flood
	is_reachable 2001:db8:178::15
	[ "$(on backend nstat -asz TcpExtSyncookiesRecv | awk '/Recv/ { print $2 }')" -gt 0 ]
}

@test "xdp_relay does the same" {
	on backend scripts/lb attach relay eth0
	is_reachable 192.168.178.15
}
