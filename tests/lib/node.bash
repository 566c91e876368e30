# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# A node for single packets, and commands on it: for helper.bash, and for scripts that are no tests.

# on NODE COMMAND...: runs a command on a node.
on() {
	scripts/node exec "$@"
}

# lb ARGUMENT...: the command on the node lb.
lb() {
	on lb scripts/lb "$@"
}

# one_load_balancer: makes a node for single packets. They come in by eth0; the gateway to the backends is there, too.
# MAC addresses are set by hand, because nobody else is on the network.
one_load_balancer() {
	scripts/node destroy --all
	scripts/node create lb eth0=lan:192.168.178.10/24 eth1=dc:172.20.0.10/24 via 192.168.178.2
	on lb sysctl -eqw net.ipv6.conf.all.disable_ipv6=1 # or its router solicitations are counted
	on lb ip link set eth0 address 02:00:00:00:00:10
	on lb ip neigh replace 192.168.178.2 dev eth0 lladdr 02:00:00:00:00:02 nud permanent
	on lb ip link set eth1 address 02:00:00:00:01:10
	on lb ip neigh replace 172.20.0.20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	on lb sysctl -qw net.ipv4.ip_forward=1
}

# speak_ipv6: the node that one_load_balancer has made has IPv6 addresses, too, and never sends anything by itself.
speak_ipv6() {
	local dev
	for dev in eth0 eth1; do
		on lb sysctl -qw "net.ipv6.conf.$dev.addr_gen_mode=1" "net.ipv6.conf.$dev.accept_ra=0" "net.ipv6.conf.$dev.dad_transmits=0"
	done
	on lb sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.all.forwarding=1
	on lb ip addr replace 2001:db8:178::10/64 dev eth0 nodad
	on lb ip addr replace 2001:db8:20::10/64 dev eth1 nodad
	on lb ip route replace default via 2001:db8:178::2 dev eth0
	on lb ip neigh replace 2001:db8:178::2 dev eth0 lladdr 02:00:00:00:00:02 nud permanent
	on lb ip neigh replace 2001:db8:20::20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
}
