# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# nat: ports and idle times of the NAT mode, and its connections. Sourced by lb.

# taken_ports: the kernel must not take ports for its own connections that are lent to others. Fails if it may; sets
# lent and own_ports to both ranges, as FIRST-LAST, and mend to the command that keeps them apart.
taken_ports() {
	local first last own_first own_last
	read -r first last < <(settings nat '"\(.first_port) \(.last_port)"' -r)
	read -r own_first own_last </proc/sys/net/ipv4/ip_local_port_range
	lent=$first-$last own_ports=$own_first-$own_last
	mend="sysctl -w net.ipv4.ip_local_port_range='1024 $((first - 1))'"
	((own_last < first || own_first > last))
}

warn_of_ports() {
	local lent own_ports mend
	taken_ports || warn "this machine's own connections use ports $own_ports, and $lent are lent; run: $mend"
}

# nat_set [ports FIRST-LAST] [handshake|established|closing|udp SECONDS]
nat_set() {
	set_settings nat nat "$@"
	warn_of_ports
}

nat_show() {
	no_more "$@"
	check_machine
	need_maps nat nat
	settings nat . -c | print_list '"ports \(.first_port)-\(.last_port)",
		(to_entries[] | select(.key | endswith("_port") | not) | "\(.key) \(.value) s")'
}

nat_stats() {
	no_more "$@"
	check_machine
	need_maps nat_events nat
	dump nat_events | nat_events_decode | if [[ -n $json ]]; then
		cat
	else
		jq -r '["event", "connections"], (.[] | [.name, .connections]) | @tsv' |
			awk -F '\t' '{ printf "%-20s %14s\n", $1, $2 }'
	fi
}
