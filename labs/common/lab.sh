# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the labs' role scripts share. Sourced as `. labs/common/lab.sh LAB`, with the repository as the current
# directory; reads the lab's addresses.

lab=labs/$1
[[ -e $lab/lab.env ]] || {
	echo "${0##*/}: $lab is no lab; run the script of a lab, like labs/ipip/${0##*/}" >&2
	exit 1
}
# A relative path begins where the user was before the script went to the repository.
[[ -z ${LAB_ENV-} || $LAB_ENV == /* ]] || export LAB_ENV=$OLDPWD/$LAB_ENV

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# read_lab: the lab's addresses, in the families that FAMILY says: 4 or 6; or 6in4, which is a VIP of IPv6 with backends
# of IPv4, and 4in6 (for NAT, 64 and 46: IPv6 in front of IPv4, and the other way round). If nobody says, it is what
# setup.sh was told.
#
# Sets vip_family and backend_family. VIP, CLIENT, BACKENDS and LB are addresses in these families, and so are the gateways
# on the packet's way: LB_GATEWAY to the backends, BACKEND_GATEWAY back to the client (and LB_WAY_BACK, for who comes from
# lb). LB4 and LB6 (and so on) are those of either family.
# shellcheck disable=SC2034,SC2153 # for whoever sources this; the names come from lab.env
read_lab() {
	local name
	# shellcheck source=labs/ipip/lab.env
	. "${LAB_ENV:-$lab/lab.env}"
	FAMILY=${FAMILY:-$(cat /run/xdp-lb/family 2>/dev/null || echo 4)}
	[[ $FAMILY =~ ^[46]((in)?[46])?$ ]] || die "FAMILY=$FAMILY is not known; use 4, 6, 6in4 or 4in6"
	vip_family=${FAMILY::1} backend_family=${FAMILY: -1}
	[[ $FAMILY == 4 || -n ${VIP6-} ]] || die "the lab has no IPv6 addresses (VIP6 and so on in lab.env); use FAMILY=4"
	for name in LB LB_GATEWAY BACKEND_GATEWAY CLIENT CLIENT_GATEWAY; do
		printf -v "${name}4" %s "${!name-}"
	done
	BACKENDS4=("${BACKENDS[@]}")
	words_of_families
	LB_WAY_BACK=$LB_GATEWAY
	if [[ $vip_family == 6 ]]; then
		LB_WAY_BACK=$LB_GATEWAY6 VIP=$VIP6 CLIENT=$CLIENT6 BACKEND_GATEWAY=${BACKEND_GATEWAY6-}
	fi
	if [[ $backend_family == 6 ]]; then
		LB=$LB6 LB_GATEWAY=$LB_GATEWAY6 BACKENDS=("${BACKENDS6[@]}")
	fi
}

# words_of_families: what a role script says of the VIP or the backends, if it says it of both families.
# shellcheck disable=SC2034 # for whoever sources this
words_of_families() {
	local one other
	forwarding=() # who forwards packets of these families
	for one in "$vip_family" "$backend_family"; do
		other=net.ipv4.ip_forward=1
		[[ $one == 4 ]] || other=net.ipv6.conf.all.forwarding=1
		[[ " ${forwarding[*]} " == *" $other "* ]] || forwarding+=("$other")
	done
	vip_bits=32 nodad=() asks=ARP # one address; used at once, and never as a source; who asks for its MAC address
	[[ $vip_family == 4 ]] || vip_bits=128 nodad=(nodad preferred_lft 0) asks="neighbour discovery"
	arp_setting="; and sysctl net.ipv4.conf.eth0.arp_ignore" # which IPv6 has not
	[[ $vip_family == 4 ]] || arp_setting=
	outer_bytes=20
	[[ $backend_family == 4 ]] || outer_bytes=40
	# An IPv6 header has 20 bytes more, inside and outside.
	[[ -z ${ADVMSS-} ]] || ADVMSS=$((ADVMSS - (vip_family == 6 ? 20 : 0) - (outer_bytes - 20)))
}

read_lab

# Where `ip link set xdp` pins the maps.
# shellcheck disable=SC2034 # for whoever sources this
maps=/sys/fs/bpf/xdp/globals

# The encoders: fields -> bytes for `bpftool map update`.
# shellcheck source=maps/all.sh
. maps/all.sh

# run COMMAND...: shows a command as it would be typed on this machine, and runs it.
run() {
	echo "$HOSTNAME# $*"
	"$@"
}

# why TEXT: one line of why, above a group of commands.
why() {
	echo
	echo "$HOSTNAME: $*"
}

# usage: prints the usage line of the script's head, with this lab's name in it, and ends with exit status 2.
usage() {
	sed -n "/^# usage/ { s/^# //; s|labs/\*/|$lab/|; p }" "$lab/${0##*/}" >&2
	exit 2
}

# wait_for SECONDS COMMAND...: until the command succeeds; false if it never did.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS <= end)) || return 1
		sleep 0.05
	done
}

# my_address: this machine's own address on eth0, in the backends' family.
my_address() {
	ip -j -"$backend_family" addr show dev eth0 scope global | jq -r '.[0].addr_info[0].local'
}

# endpoint ADDRESS: with the service's port.
endpoint() {
	local host=$1
	[[ $1 != *:* ]] || host="[$1]"
	echo "$host:$PORT"
}

# url ADDRESS: of a web server there.
url() {
	echo "http://$(endpoint "$1")/"
}

# knows_neighbour ADDRESS: whether the kernel has a MAC address for it.
knows_neighbour() {
	ip neigh show "$1" | grep -q lladdr
}

# serve ADDRESS: a web server on this address and $PORT, whose page says who we are. Does nothing if
# one answers there already.
serve() {
	local page=/run/xdp-lb/www/index.html
	run mkdir -p "${page%/*}"
	echo "$HOSTNAME# echo 'Hello from $HOSTNAME ($(my_address))' >$page"
	echo "Hello from $HOSTNAME ($(my_address))" >$page
	run truncate --size 100000 ${page%/*}/large
	! curl -s -o /dev/null "$(url "$1")" || return 0
	echo "$HOSTNAME# python3 -m http.server $PORT --bind $1 --directory ${page%/*} &"
	setsid python3 -u -m http.server "$PORT" --bind "$1" --directory "${page%/*}" \
		</dev/null >>/run/xdp-lb/http.log 2>&1 3>&- &
	wait_for 10 curl -s -o /dev/null "$(url "$1")" ||
		die "the web server does not answer; see /run/xdp-lb/http.log"
}
