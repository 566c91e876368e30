# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the parts of the benchmark share: sourced.

export LAB=bench LC_ALL=C.UTF-8 # awk and bash write decimals as the locale does, jq reads them with a dot
maps=/sys/fs/bpf/xdp/globals
floors=/sys/fs/bpf/floors
build=$PWD/tests/bench/build # what is built and written while it runs

die() {
	echo "bench: $*" >&2
	exit 1
}

# on NODE COMMAND...: runs a command on a node.
on() {
	scripts/node exec "$@"
}

# pid_of NODE: its first process.
pid_of() {
	scripts/node list | awk -v lab="$LAB" -v name="$1" '$1 == lab && $2 == name { print $4 }'
}

# load_tools NODE: the floors, and what deals frames.
load_tools() {
	on "$1" bpftool prog loadall "$build/deal.o" /sys/fs/bpf/deal pinmaps /sys/fs/bpf/deal
	on "$1" bpftool prog loadall "$build/floors.o" $floors pinmaps $floors
}

# load_ladder NODE ipip|nat: the steps of a program's path, as programs on the maps that are there.
# shellcheck disable=SC2034 # for whoever sources this
nat_steps=(1_parse 2_connection 3_seen 4_nexthop 5_all) steps=(0_count 1_parse 2_destination 3_service 4_slot 5_backend 6_nexthop 7_ttl 8_push 9_all)
load_ladder() {
	local map words=() own="services destinations slots flows new_flows" object=ladder.o
	[[ $2 == ipip ]] || own="nat conntrack conntrack6 seats nat_events" object=ladder_nat.o
	for map in load_balancer links backends nexthops stats backend_stats $own; do
		words+=(map name "$map" pinned "$maps/$map")
	done
	on "$1" bpftool prog loadall "$build/$object" /sys/fs/bpf/ladder "${words[@]}"
}

# deck FLOWS SERVICES TEMPLATE...: prints the path of a file with these frames.
deck() {
	local IFS=. file
	file=$build/deck.$*
	[[ -e $file ]] || tests/bench/frames.py "$@" >"$file"
	echo "$file"
}

# program_on NODE DEV: the id of the program there.
program_on() {
	on "$1" ip -j -d link show dev "$2" | jq -e '.[0].xdp.prog.id'
}

# settle_in NODE: what every load balancer under test needs; frames come in from the gateway's address.
settle_in() {
	on "$1" sysctl -eqw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0
	on "$1" ip neigh replace 192.168.178.2 dev eth0 lladdr 02:00:00:00:00:02 nud permanent
}

# backend_of MODE I: the address of backend I, and for L2 DSR, which needs it on the same network, its MAC
# address.
backend_of() {
	case $1 in
	l2dsr) echo "192.168.$((179 + $2 / 256)).$(($2 % 256))" ;;
	*) echo "10.2.$(($2 / 256)).$(($2 % 256))" ;;
	esac
}

# services MODE SERVICES BACKENDS [SLOTS]: so many services, 10.1.0.0:8000 and on, of so many backends each,
# as `lb restore` reads them; with NAT, one backend for each, whose address frames.py knows.
services() {
	local i j
	for ((i = 0; i < $2; i++)); do
		echo "service tcp 10.1.$((i / 256)).$((i % 256)):8000${4:+ slots $4}"
		for ((j = 0; j < $3; j++)); do
			echo "backend $(backend_of "$1" $((i * $3 + j)))"
		done
	done
}

# know_backends NODE MODE COUNT: their MAC addresses, where that is needed.
know_backends() {
	local i
	[[ $2 == l2dsr ]] || return 0
	for ((i = 0; i < $3; i++)); do
		echo "neigh replace $(backend_of "$2" "$i") dev eth0 lladdr 02:00:00:00:00:80 nud permanent"
	done | on "$1" ip -batch -
}

# speak_ipv6 NODE: IPv6 beside IPv4, with a gateway to everybody else, and one backend (L2 DSR).
speak_ipv6() {
	on "$1" sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.all.forwarding=1
	on "$1" ip addr replace 2001:db8:178::10/64 dev eth0 nodad
	on "$1" ip route replace default via 2001:db8:178::2 dev eth0
	on "$1" ip neigh replace 2001:db8:178::2 dev eth0 lladdr 02:00:00:00:00:02 nud permanent
	on "$1" ip neigh replace 2001:db8:178::11 dev eth0 lladdr 02:00:00:00:00:80 nud permanent
}

# services6 MODE: those of the frames in IPv6, and of VIPs and backends of different families.
services6() {
	local backend=2001:db8:178::11
	printf '%s\n' "service tcp [2001:db8:1::]:8000 slots 251" "backend $backend" "service udp [2001:db8:1::]:8000 slots 251" "backend $backend" \
		"service tcp [2001:db8:1::]:8400 slots 251" "backend $(backend_of "$1" 0)" "service tcp 10.1.0.0:8600 slots 251" "backend $backend"
}

# thread NODE: what its network interfaces receive is worked on in kernel threads of their own, so that the CPU
# time of each node can be told from that of the others. (A veth without XDP does so only for a sender that
# does no TSO.) Sets threads, the ids of the new ones.
# shellcheck disable=SC2034 # for whoever sources this
thread() {
	local before
	before=$(napi_threads)
	# shellcheck disable=SC2016 # expanded over there
	on "$1" bash -c 'for dev in /sys/class/net/*eth*; do
		ethtool -K "${dev##*/}" gro on tso off >/dev/null
		echo 1 >"$dev/threaded"
	done'
	threads=$(comm -13 <(echo "$before") <(napi_threads))
}

napi_threads() {
	{ grep -ls '^napi/' /proc/[0-9]*/comm || true; } | cut -d/ -f3 | sort
}

# sunk NODE: how many frames the program sink has counted there.
sunk() {
	on "$1" bpftool -j map dump pinned $floors/sunk | jq '[.[0].formatted.values[].value.packets] | add'
}

# counted NODE MAP: its counters, as {name: packets}.
counted() {
	on "$1" bpftool -j map dump pinned "$maps/$2" | "${2}_decode" | jq -c 'map({(.name): .packets}) | add'
}

# shellcheck source=maps/all.sh
. maps/all.sh
