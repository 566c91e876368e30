#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# check: is the NAT lab's playground as it should be? One line for each fact: "ok", or "not ok" with what
# was seen and where to look. Exit status 0 if all is ok, 1 if not.
# usage: [LAB=NAME] labs/nat/check.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh nat
. labs/common/playground.sh
[[ $# -eq 0 ]] || usage

# connections EVENT: how many connections have come so far.
connections() {
	on lb scripts/lb --json nat stats | jq --arg name "$1" '.[] | select(.name == $name).connections'
}

need_playground
established=$(connections established)
ask
check_answers "$LB"
fact "the load balancer rewrites requests and answers ($(rose forwarded) packets)" \
	[ "$(rose forwarded)" -ge $((8 * requests)) ] || seen "$(suspects)"
established=$(($(connections established) - established))
fact "and knows each of their connections" [ "$established" -eq $((requests + 1)) ] ||
	seen "$established; scripts/node exec lb scripts/lb nat stats"
fact "no answer came too late" [ "$(rose late_reply)" -eq 0 ] ||
	seen "$(rose late_reply); scripts/node exec lb scripts/lb stats"
check_no_bug
fact "the VIP answers ping: what is not for the service is the kernel's" on client ping -c 1 -W 2 "$VIP" ||
	seen "no answer; scripts/node exec lb ip addr"
fact "lb itself can ask a backend" on lb curl -s -o /dev/null --max-time 2 "$(url "${BACKENDS[0]}")" ||
	seen "no answer; scripts/node exec lb scripts/lb stats"

exit "$failed"
