# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# probes: the road that health checks take, and those who go on it. Sourced by lb.
#
# With l2dsr and ipip, probes go to the VIP, through the program itself (headers/lb/probe.h):
#
#   namespace of lb watch        |  this machine
#   curl -- our own address -- [lbprobe] ---- [lbprobe] -- xdp_ipip -- eth0 --> backend
#
# A backend that is this machine itself gets them from its kernel, which takes no packet from one of its own addresses that comes
# in by a device: so they come from another one (here4, here6), that nobody else has.
#
# With nat they go to the backend's own address and port, as every connection of this machine.
# The namespace belongs to a process that ends with lb watch; then it is gone, and the device with it.
# Our own address is the one of the VIP's family: own or own6. Where probes go to and come from is said to curl and the
# others as an address of either family; with a port behind it, one of IPv6 has brackets.

probe_mac=02:6c:62:70:72:62 # PROBE_MAC of headers/lb/probe.h
here4=169.254.108.98 here6=fd6c:6270:6c62::62
road_keeper=''    # the process that has the namespace
road_addresses='' # of whom it was told last: "OWN OWN6"

# in_road COMMAND...: where probes come from.
in_road() {
	if [[ -n $road_keeper ]]; then nsenter --net="/proc/$road_keeper/ns/net" "$@"; else "$@"; fi
}

# mode_of_maps: the program that the maps belong to.
mode_of_maps() {
	ip -j -d link | jq -r --arg not "$probe_device" --arg ours "^xdp_($balancers)$" '
		first(.[] | select(.ifname != $not).xdp.prog.name // empty | rtrimstr("_frags") | select(test($ours)))'
}

# tell_programs IFINDEX: where probes come from; 0: nobody checks.
tell_programs() (
	take_lock
	need_maps load_balancer
	# shellcheck disable=SC2046 # bytes
	update load_balancer key $(u32 0) value $(settings load_balancer "decimal as \$hex | .probe_device = $1 | $(encoder load_balancer)" -r)
)

# remove_road: takes the device away, of a watch that was killed, say. The kernel may be about to do the same, because its
# namespace has gone.
remove_road() {
	local tries=0
	while [[ -e /sys/class/net/$probe_device ]]; do
		ip link del "$probe_device" 2>/dev/null || ((tries++ < 100)) || die "the device $probe_device cannot be removed"
		sleep 0.02
	done
}

# has_own FAMILY: whether this machine has an address of it to check from.
has_own() {
	[[ $1 == 4 && $own != 0.0.0.0 || $1 == 6 && $own6 != :: ]]
}

# road_setting NAME VALUE: of IPv6, for both ends of the device. (There may be no IPv6.)
road_setting() {
	local side
	for side in "" in_road; do
		$side bash -c 'echo "$2" >"/proc/sys/net/ipv6/conf/$0/$1"' "$probe_device" "$@" 2>/dev/null || true
	done
}

# quiet_road: neither end says anything by itself: no address that nobody has given it, and no question for routers. Without
# an IPv6 address of our own, there is no IPv6 at all.
quiet_road() {
	local off=1
	road_setting addr_gen_mode 1 # none
	road_setting accept_ra 0
	road_setting dad_transmits 0
	! has_own 6 || off=0
	road_setting disable_ipv6 $off
}

# address_road: the addresses that probes come from, and the way to everywhere.
address_road() {
	in_road ip addr flush dev "$probe_device" scope global
	if has_own 4; then
		in_road ip addr add "$own/32" dev "$probe_device"
		in_road ip route replace default dev "$probe_device"
		address_local_road "$here4/32"
	fi
	if has_own 6; then
		in_road ip addr add "$own6/128" dev "$probe_device" nodad
		in_road ip -6 route replace default dev "$probe_device"
		address_local_road "$here6/128"
		echo 1 >"/proc/sys/net/ipv6/conf/$probe_device/forwarding"
	fi
	road_addresses="$own $own6"
}

# address_local_road PREFIX: where probes of backends on this machine come from, if they say so (it is deprecated: nothing takes
# it by itself), and the way back there.
address_local_road() {
	local nodad=nodad
	[[ $1 == *:* ]] || nodad= # IPv4 never asks
	in_road ip addr add "$1" dev "$probe_device" $nodad preferred_lft 0
	ip route replace "$1" dev "$probe_device"
	ip neigh replace "${1%/*}" lladdr "$probe_mac" dev "$probe_device" nud permanent
}

# build_road MODE: makes the device and its namespace. Needs own and own6, this machine's addresses.
build_road() {
	local own_net tries=0
	[[ $1 != xdp_nat ]] || return 0
	remove_road
	own_net=$(readlink /proc/self/ns/net)
	setpriv --pdeathsig KILL unshare --net sleep infinity </dev/null >/dev/null 2>&1 {watching}>&- {events}>&- &
	road_keeper=$!
	while [[ $(readlink "/proc/$road_keeper/ns/net") == "$own_net" || $(<"/proc/$road_keeper/comm") != sleep ]]; do
		((tries++ < 100)) || die "no network namespace can be made for probes"
		sleep 0.02
	done
	# Both ends have one MAC address: without ARP, it is the one that packets go to, and the kernel takes no others.
	ip link add "$probe_device" address "$probe_mac" type veth peer name "$probe_device" address "$probe_mac" netns "$road_keeper" ||
		die "no device can be made for probes"
	quiet_road
	# XDP cannot finish a checksum that the sender left to its (virtual) hardware. A veth takes frames from XDP only if
	# its other end has a program, too.
	in_road ethtool -K "$probe_device" tx off >/dev/null
	ethtool -K "$probe_device" tx off >/dev/null
	in_road ip link set dev "$probe_device" arp off xdp obj "$repo/bpf/xdp_pass.o" sec xdp
	in_road ip link set "$probe_device" up
	# A port is needed again soon: nothing may be left of a connection that is over.
	in_road bash -c 'cd /proc/sys/net/ipv4 && echo 0 >tcp_max_tw_buckets && echo 1 >tcp_orphan_retries'
	# Generic: whatever the driver of the way out can do.
	ip -force link set dev "$probe_device" xdpgeneric obj "$repo/bpf/$1.o" sec xdp || die "$probe_device does not take $1"
	echo 1 >"/proc/sys/net/ipv4/conf/$probe_device/forwarding"
	ip link set "$probe_device" up
	address_road
	tell_programs "$(<"/sys/class/net/$probe_device/ifindex")"
}

# readdress_road: somebody has given this machine another address to check from (lb set address).
readdress_road() {
	[[ -n $road_keeper && $road_addresses != "$own $own6" ]] || return 0
	quiet_road
	address_road
}

# leave_road: probes have come to an end.
leave_road() {
	[[ -n $road_keeper ]] || return 0
	[[ ! -e $maps/load_balancer ]] || tell_programs 0
	remove_road
	kill -KILL "$road_keeper" 2>/dev/null || true
	road_keeper=''
}

# note_durations TEXT: how long the last checks took, for lb metrics, which finds all of it or what was there before.
note_durations() {
	{ echo "${1//$'\t'/$'\n'}" >"$rounds/durations.new" && mv "$rounds/durations.new" "$rounds/durations"; } 2>/dev/null || true
}

# ---- Who goes there. Each is given the words of run_words (watch.jq), and prints "ran N STATUS TOOK TEXT". ----

# run_probe N KIND TIMEOUT PROTOCOL VIP VIP_PORT BACKEND BACKEND_PORT ADDRESS PORT FROM FROM_PORT ARGUMENT...
run_probe() {
	local status=0 text centi took begun=${EPOCHREALTIME/[.,]/}
	text=$("probe_$2" "${@:3}" 2>&1 | {
		head -c 200 | tr -c '[:print:]' ' '
		cat >/dev/null
	}) || status=$?
	took=$((${EPOCHREALTIME/[.,]/} - begun))
	if [[ $status -eq 137 ]]; then
		# Somebody has killed it before its time: nothing was learned.
		centiseconds "$3"
		((took >= centi * 10000)) || return 0
		text="no answer within $3 s"
	fi
	printf 'ran %s %s %d.%06d %s\n' "$1" "$status" $((took / 1000000)) $((took % 1000000)) "$text"
}

# own_like ADDRESS FROM: sets mine to where a probe to this address comes from: FROM, or (-) our own address of its family.
own_like() {
	mine=$own
	[[ $1 != *:* ]] || mine=$own6
	[[ $2 == - ]] || mine=$2
}

# probe_dns: the server has an answer for the name.
probe_dns() {
	local from=() tcp=+notcp answer mine
	own_like "$7" "$9"
	[[ ${10} == 0 ]] || from=(-b "$mine#${10}")
	[[ $2 == udp ]] || tcp=+tcp
	answer=$(in_road timeout -s KILL "$1" dig +tries=1 +timeout=5 "$tcp" "${from[@]}" "@$7" -p "$8" "${11}" 2>&1) || {
		local status=$?
		echo "no answer"
		return "$status"
	}
	[[ $answer == *"status: NOERROR"* && $answer != *"ANSWER: 0,"* ]] || {
		[[ ! $answer =~ status:\ ([A-Z]+) ]] || echo "it has no answer, but ${BASH_REMATCH[1]}"
		return 1
	}
}

# probe_udp: the answer to what is sent begins with what is expected.
probe_udp() {
	local answer mine socket=UDP4:$7:$8
	own_like "$7" "$9"
	if [[ $7 == *:* ]]; then socket=UDP6:[$7]:$8 mine=[$mine]; fi
	[[ ${10} == 0 ]] || socket+=,bind=$mine:${10}
	# socat ends, and gives the port back, as soon as it has as much as is expected.
	answer=$(
		printf %s "${11}" | in_road timeout -s KILL "$1" socat -t "$1" - "$socket,readbytes=${#12}" 2>/dev/null || true
		echo . # or a line break at its end would get lost
	)
	answer=${answer%.}
	[[ $answer == "${12}" ]] || {
		echo "it answers ${answer:-nothing}"
		return 1
	}
}

# probe_exec: a command of the administrator, on this machine. Whatever it starts ends with it, or when its time is over.
probe_exec() {
	local namespace='' mine
	own_like "$7" "$9"
	[[ -x ${11} && ! -d ${11} ]] || {
		echo "${11} cannot be executed"
		return 126
	}
	[[ -z $road_keeper ]] || namespace=/proc/$road_keeper/ns/net
	env -u NOTIFY_SOCKET LB_PROTOCOL="$2" LB_VIP="$3" LB_VIP_PORT="$4" LB_BACKEND="$5" LB_BACKEND_PORT="$6" LB_PROBE_NAMESPACE="$namespace" \
		LB_PROBE_ADDRESS="$mine" LB_PROBE_PORT="${10}" timeout -s KILL "$1" unshare --pid --fork --kill-child "${11}" </dev/null
}
