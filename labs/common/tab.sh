#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tab: what runs in a window of labs/tabs.sh.
#
#   tab.sh machine NAME      a shell on a machine; if the machine goes away, the shell of the next one with this name
#   tab.sh counters          what the load balancer has counted: no zeros, and what has changed since the last look
#   tab.sh host              a shell of this host
#   tab.sh title             the lab's name
set -euo pipefail
cd "$(dirname "$0")/../.."

# folder: that of the lab, as its setup.sh has told the client; empty if it has not.
folder() {
	scripts/node exec client cat /run/xdp-lb/lab 2>/dev/null || true
}

title() {
	local lab
	lab=$(folder)
	if [[ -z $lab || $lab == "$LAB" ]]; then echo "$LAB"; else echo "$LAB ($lab)"; fi
}

# ready NAME: the machine is there, and setup.sh has done with all of them, or takes long.
ready() {
	local i
	there "$1" || return 1
	for ((i = 0; i < 30; i++)); do
		[[ -z $(folder) ]] || return 0
		sleep 0.5
	done
	there "$1"
}

there() {
	scripts/node exec "$1" true 2>/dev/null
}

# machine NAME. A new setup.sh replaces all machines: then wait for the new one. `exit` on one that is there ends this.
machine() {
	local terminal
	exec {terminal}>&2
	while :; do
		if ready "$1"; then
			printf '\033[H\033[2J' # clear
			greet "$1"
			# that it was killed is bash's own message, and says nothing to a reader
			{ scripts/node exec "$1" env -u TMUX bash --rcfile labs/common/tab.bashrc -i 2>&"$terminal" || true; } 2>/dev/null
			! there "$1" || return 0
			printf '\n%s is gone. Waiting for setup.sh; F10 closes all tabs.\n' "$1"
		fi
		sleep 0.5
	done
}

# greet NAME: who it is, and what to try there.
greet() {
	local addresses try
	addresses=$(scripts/node exec "$1" ip -br -4 addr | awk '{ sub("@.*", "", $1); for (i = 3; i <= NF; i++) if ($i !~ /^127/) print $1, $i }' | paste -sd, | sed 's/,/, /g')
	case $1 in
	client) try="curl http://$(vip)/" ;;
	gateway) try="ip neigh; tcpdump -nni eth0" ;;
	lb*) try="lb service show; lb stats; lb why tcp $(client):40000 $(vip)" ;;
	*) try="ip addr; tail /run/xdp-lb/http.log; tcpdump -nni eth0" ;;
	esac
	printf 'This is %s (%s).\nTry: %s\n' "$1" "$addresses" "$try"
}

# vip: ADDRESS:PORT of the first service that a load balancer of this playground has.
vip() {
	local lb vip
	lb=$(load_balancers | head -1)
	vip=$(scripts/node exec "$lb" scripts/lb --json service show 2>/dev/null |
		jq -r 'first(.[] | select(.protocol == "tcp")) | (.address | if test(":") then "[\(.)]" else . end) + ":\(.port)"' 2>/dev/null) || true
	echo "${vip:-VIP:8000}"
}

# client: its address, of the family that the VIP has.
client() {
	local family=4 address
	[[ $(vip) != \[* ]] || family=6
	address=$(scripts/node exec client ip -j -$family addr show dev eth0 scope global | jq -r '.[0].addr_info[0].local // empty')
	[[ $family == 4 ]] || address="[$address]"
	echo "$address"
}

load_balancers() {
	scripts/node list | awk '$2 ~ /^lb/ { print $2 }'
}

# count: prints counters, and keeps them for the next time in $before.
before=
count() {
	local lb now=
	for lb in $(load_balancers); do
		now+=$(scripts/node exec "$lb" scripts/lb stats 2>/dev/null | sed "s/^/$lb /")$'\n'
	done
	printf '\033[H\033[2J'
	[[ -n ${now//[[:space:]]/} ]] || echo "No load balancer says anything. Is it up? Waiting."
	awk '
		{ name = $0; sub(/ +[0-9]+( +[0-9]+)*$/, "", name) } # a line without its numbers
		FNR == NR { old[name] = $0; next }
		!NF { next }
		$1 != lb { lb = $1; print "What " lb " has counted; a + is new." }
		{
			text = substr($0, length(lb) + 2)
			if (text ~ /packets +bytes/ || text ~ /^(tcp|udp) |^  /) counted = 1
			else counted = (text ~ / [1-9][0-9]* +[0-9]+$/)
			if (counted) print (name in old && old[name] != $0 ? "+ " : "  ") text
		}' <(echo "$before") <(echo "$now")
	before=$now
}

# counters: looks every 2 s, but only while somebody looks at this window: a glance costs a third of a second of CPU.
counters() {
	while :; do
		[[ $(tmux display-message -p -t "$TMUX_PANE" '#{window_active}') != 1 ]] || count
		sleep 2
	done
}

host() {
	local lab
	lab=$(folder)
	printf 'This is your own machine. Try:\n'
	printf '  labs/%s/%s\n' "${lab:-ipip}" trace.sh "${lab:-ipip}" check.sh
	exec env -u TMUX_PANE bash --rcfile labs/common/tab.bashrc -i
}

"$@"
