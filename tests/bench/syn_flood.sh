#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# syn_flood: a backend under a flood of SYNs with invented sources, which comes through the tunnel as clients' do. Who answers
# them: the kernel without cookies, the kernel with cookies, or the program? One network:
#
#   client .20 ----+---- lb .10, VIP .15       the flood is sent here, as if the load balancer had let it through
#                  +---- backend .11           nginx, whose listener has a backlog of 16
#
# Prints JSON: for each of them CPU time of the backend for a SYN, SYNs that were sent in a second, and how many of the client's
# requests were answered meanwhile, one by one, and how soon. "idle" is without a flood.
# usage: tests/bench/syn_flood.sh REPEATS SECONDS RATE      RATE: SYNs in a second
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh

repeats=$1 seconds=$2 rate=$3 VIP=192.168.178.15 limit=100
make -s "$build/flood.o"
trap 'scripts/node destroy --all' EXIT

# machines: sets threads to the kernel thread that works on what the backend receives.
machines() {
	local name
	scripts/node destroy --all
	scripts/node create lb eth0=lan:192.168.178.10/24
	scripts/node create client eth0=lan:192.168.178.20/24
	scripts/node create backend eth0=lan:192.168.178.11/24 via 192.168.178.20
	on lb sysctl -qw net.ipv4.ip_forward=1
	on lb ip addr add $VIP/32 dev eth0
	on backend ip addr add $VIP/32 dev lo
	on backend sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.arp_announce=2 net.ipv4.conf.lo.forwarding=1 net.ipv6.conf.lo.forwarding=1
	on lb scripts/lb attach ipip eth0
	printf '%s\n' "service tcp $VIP:8000" "backend 192.168.178.11" | on lb scripts/lb restore -
	on backend scripts/lb attach decap eth0
	on backend scripts/lb decap add lb 192.168.178.10
	on backend scripts/lb decap add host 192.168.178.11
	on backend scripts/lb decap add vip $VIP
	for name in switch client lb backend; do thread $name; done
	[[ -n $threads ]] || die "the kernel gives the backend's interface no thread of its own, or it cannot be seen here"
	printf '%s\n' "daemon off;" "worker_processes 1;" "pid /run/nginx.pid;" "error_log /dev/null;" "events { }" \
		"http { access_log off; server { listen $VIP:8000 backlog=16; location / { return 200 \"hello\\n\"; } } }" | on backend tee /run/nginx.conf >/dev/null
	on backend setsid nginx -c /run/nginx.conf </dev/null >/dev/null 2>&1 &
	on client curl -s --retry 10 --retry-connrefused --retry-delay 1 --max-time 2 -o /dev/null "http://$VIP:8000/" || die "the backend does not answer"
	on backend sysctl -qw net.ipv4.ip_forward=0
}

# who NAME: answers SYNs from now on.
who() {
	on backend scripts/lb decap set cookies off
	case $1 in
	"kernel, no cookies") on backend sysctl -qw net.ipv4.tcp_syncookies=0 ;;
	"kernel, cookies") on backend sysctl -qw net.ipv4.tcp_syncookies=1 ;;
	program | idle)
		on backend sysctl -qw net.ipv4.tcp_syncookies=2
		on backend scripts/lb decap set cookies $limit
		;;
	esac
}

# cpu: nanoseconds that it has had so far.
cpu() {
	# shellcheck disable=SC2046,SC2086 # several words
	awk '{ ns += $1 } END { printf "%.0f\n", ns }' $(printf '/proc/%s/schedstat ' $threads)
}

# received: frames that have come to the backend.
received() {
	on backend scripts/lb --json decap stats | jq '[.[].packets] | add'
}

# ask FILE: requests, one by one, until the file is gone: prints how long each took, in seconds; "-" if it was not answered.
ask() {
	# shellcheck disable=SC2016 # expanded over there
	on client bash -c 'while [[ -e $0 ]]; do
		if took=$(curl -s -o /dev/null --max-time 2 -w "%{time_total}" "$1"); then echo "$took"; else echo -; fi
	done' "$1" "http://$VIP:8000/"
}

# measure NAME
measure() {
	local asking=$build/asking times=$build/asked flood=$build/flooding before begun frames flooder
	who "$1"
	: >"$asking"
	echo sending >"$flood"
	[[ $1 == idle ]] || : >"$flood"
	[[ $1 == idle ]] || on lb tests/lib/flood.py eth0 "$(on backend cat /sys/class/net/eth0/address)" inner $((seconds * rate))@"$rate" \
		192.168.178.11 $VIP:8000 192.168.178.10 >"$flood" &
	flooder=$!
	until [[ -s $flood ]]; do sleep 0.1; done
	before=$(cpu) frames=$(received) begun=$EPOCHREALTIME
	ask "$asking" >"$times" &
	[[ $1 != idle ]] || sleep "$seconds"
	wait $flooder
	jq -nR --arg who "$1" --argjson ns $(($(cpu) - before)) --argjson frames $(($(received) - frames)) \
		--argjson us $((${EPOCHREALTIME/./} - ${begun/./})) '{$who, ns_per_syn: ($ns / $frames), syns_per_second: ($frames / $us * 1e6)}' >"$build/flooded"
	rm "$asking"
	wait $!
	jq -nRc --slurpfile flooded "$build/flooded" '[inputs] | ([.[] | select(. != "-") | tonumber] | sort) as $answered
		| $flooded[0] + {asked: length, answered: ($answered | length), median_ms: ($answered | if . == [] then null else .[length / 2 | floor] * 1000 end)}' <"$times"
}

machines
for ((i = 0; i < repeats; i++)); do
	for name in idle "kernel, no cookies" "kernel, cookies" program; do measure "$name"; done
done | tee /dev/stderr | jq -s 'def median: sort | .[(length - 1) / 2 | floor];
	group_by(.who) | map({who: .[0].who} + if .[0].who == "idle" then {} else {ns_per_syn: (map(.ns_per_syn) | median | round), syns_per_second: (map(.syns_per_second) | median | round)} end + {
		asked: (map(.asked) | add), answered: (map(.answered) | add), median_ms: (map(.median_ms) | map(values) | if . == [] then null else median end)})'
