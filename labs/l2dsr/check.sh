#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# check: is the L2 DSR lab's playground as it should be? One line for each fact: "ok", or "not ok" with
# what was seen and where to look. Exit status 0 if all is ok, 1 if not.
# usage: [LAB=NAME] labs/l2dsr/check.sh [--first]    --first: no more than what is wrong first
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh l2dsr
. labs/common/playground.sh
begin_check "$@"

# What backend-01 sees on its cable while requests are sent, as in the tutorial: MAC > MAC of each packet.
heard=$(mktemp)
trap 'on backend-01 pkill -f "${listening[*]}"; rm -f "$heard"' EXIT
listening=(tcpdump -i eth0 -l -n -t -e -q "tcp port $PORT")
on backend-01 "${listening[@]}" >"$heard" 2>"$heard.log" &
listener=$!
wait_for 10 grep -q listening "$heard.log" || true
rm -f "$heard.log"

ask
check_answers "$CLIENT"
fact "the load balancer forwards every packet of the requests ($(rose forwarded))" \
	[ "$(rose forwarded)" -ge $((4 * requests)) ] || seen "$(suspects)"
check_no_answers_pass_lb
check_no_bug

on backend-01 pkill -f "${listening[*]}"
wait $listener || true
trap 'rm -f "$heard"' EXIT
lb=$(mac lb eth0) backend=$(mac backend-01 eth0) gateway=$(mac gateway eth0)
# ways TEXT: the different "MAC > MAC" of the packets with this text.
ways() {
	awk -v text="$1" 'index($0, text) { sub(",", "", $3); print $1, $2, $3 }' "$heard" | sort -u
}
there=$(ways "> $VIP.$PORT:") back=$(ways "$VIP.$PORT > ")
fact "requests reach backend-01 from lb's MAC address: $lb > $backend" [ "$there" = "$lb > $backend" ] ||
	seen "${there:-none}"
fact "answers leave it for the gateway's: $backend > $gateway" [ "$back" = "$backend > $gateway" ] ||
	seen "${back:-none}"
known=$(on gateway ip neigh show "$VIP" | awk '{ print $5 }')
fact "for the gateway, the VIP is lb: $VIP is at $lb" [ "$known" = "$lb" ] ||
	seen "${known:-nobody}; scripts/node exec gateway ip neigh show $VIP"
answers=$(who_answers gateway eth0 "$VIP")
fact "and nobody else answers $asks for it" [ "$answers" = "$lb" ] ||
	seen "$answers; scripts/node exec backend-01 ip addr$arp_setting"

end_check
