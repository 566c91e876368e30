#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# trace: waits for the next check of a backend, and prints what was on every cable, hop by hop. A star marks what differs
# from the hop before. In a tunnel, TTL reads outer/inner.
# usage: [LAB=NAME] labs/health/trace.sh [--all]    --all: every packet, not just SYN and SYN ACK
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh health
. labs/common/playground.sh
[[ $# -eq 0 || "$*" == --all ]] || usage
need_playground

# Where checks begin: the process that has the namespace of lb watch, and its end of the cable; with nat, lb itself.
keeper=$(on lb pgrep -P "$(on lb cat /run/xdp-lb/watch/pid)" -x sleep) || true
begin=(on lb) dev=eth0 listening=(switch)
[[ -z $keeper ]] || begin=(on lb nsenter --target "$keeper" --net) dev=lbprobe

begin_trace
if [[ $dev == lbprobe ]]; then
	"${begin[@]}" ip -j link show dev $dev | jq -r '.[] | "\(.address) lb-watch"' >>"$traces/macs"
	listen $dev "${begin[@]}"
	listening+=(lb)
fi
# The next SYN of a check: the port that it comes from, and when.
only=$("${begin[@]}" timeout 20 tcpdump -i $dev -c 1 -l -n -q -tt "tcp dst port $PORT and tcp[tcpflags] == tcp-syn" 2>/dev/null |
	sed -nE 's/^([0-9.]+) IP [0-9.]+\.([0-9]+) > .*/\2@\1/p')
[[ -n $only ]] || die "no check was seen; does lb watch run? See $say$lab/check.sh"
stop_listening "${listening[@]}"
print_trace "$@" --only "$only"
