# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the test files share: loaded first in each of them.

bats_require_minimum_version 1.5.0
cd "$BATS_TEST_DIRNAME/.." || exit
# Every file has a lab of its own, so that none meets another, or one that a person has up.
LAB=test-$(basename "$BATS_TEST_FILENAME" .bats | tr _ -)
export LAB
unset LAB_ENV DECAP
export MAPS=/sys/fs/bpf/xdp/globals # where `ip link set xdp` pins them

# on NODE COMMAND...: runs a command on a node.
on() {
	scripts/node exec "$@"
}

# background NODE COMMAND...: starts a server on a node; it ends with the node.
background() {
	scripts/node exec "$1" setsid "${@:2}" </dev/null >/dev/null 2>&1 3>&- &
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS <= end)) || return 1
		sleep 0.05
	done
}

# one_load_balancer: a node for single packets. eth0 is where packets come in; the backend of the
# service is behind the gateway there. MAC addresses are set by hand, nobody else is on the network.
one_load_balancer() {
	scripts/node destroy --all
	scripts/node create lb eth0=lan:192.168.178.10/24 eth1=dc:172.20.0.10/24 via 192.168.178.2
	on lb sysctl -qw net.ipv6.conf.all.disable_ipv6=1 # or its router solicitations are counted
	on lb ip link set eth0 address 02:00:00:00:00:10
	on lb ip neigh replace 192.168.178.2 dev eth0 lladdr 02:00:00:00:00:02 nud permanent
	on lb ip link set eth1 address 02:00:00:00:01:10
	on lb ip neigh replace 172.20.0.20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	on lb sysctl -qw net.ipv4.ip_forward=1
}

# has_xdp DEV: whether a program runs on a device of the node lb.
has_xdp() {
	on lb ip -j -d link show dev "$1" | jq -e '.[0].xdp' >/dev/null
}

# packet IN ACTION COUNTER [OUT]: sends one frame through the program on the lb's eth0, and expects
# an XDP action, one count in one counter and nowhere else, and a frame: Python expressions over
# scapy and the words of tests/packet.py. Without OUT the frame must stay as it was.
packet() {
	on lb tests/packet.py eth0 "$@"
}

# lb ARGUMENT...: the command on the node lb.
lb() {
	on lb scripts/lb "$@"
}
