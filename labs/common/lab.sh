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
# shellcheck source=labs/ipip/lab.env
. "${LAB_ENV:-$lab/lab.env}"

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

die() {
	echo "${0##*/}: $*" >&2
	exit 1
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

# my_address: this machine's own address on eth0.
my_address() {
	ip -j -4 addr show dev eth0 scope global | jq -r '.[0].addr_info[0].local'
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
	! curl -s -o /dev/null "http://$1:$PORT/" || return 0
	echo "$HOSTNAME# python3 -m http.server $PORT --bind $1 --directory ${page%/*} &"
	setsid python3 -u -m http.server "$PORT" --bind "$1" --directory "${page%/*}" \
		</dev/null >>/run/xdp-lb/http.log 2>&1 3>&- &
	wait_for 10 curl -s -o /dev/null "http://$1:$PORT/" ||
		die "the web server does not answer; see /run/xdp-lb/http.log"
}
