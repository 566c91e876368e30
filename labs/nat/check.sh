#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# check: is the NAT lab's playground as it should be? One line for each fact: "ok", or "not ok" with what
# was seen and where to look. Exit status 0 if all is ok, 1 if not.
# usage: [LAB=NAME] labs/nat/check.sh [--first]    --first: no more than what is wrong first
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh nat
. labs/common/playground.sh
begin_check "$@"

# connections EVENT: how many connections have come so far.
connections() {
	on lb scripts/lb --json nat stats | jq --arg name "$1" '.[] | select(.name == $name).connections'
}

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
check_vip_answers_ping
fact "lb itself can ask a backend" on lb curl -s -o /dev/null --max-time 2 "$(url "${BACKENDS[0]}")" ||
	seen "no answer; scripts/node exec lb scripts/lb stats"

end_check
