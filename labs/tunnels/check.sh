#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# check: is the tunnels lab's playground as it should be? One line for each fact: "ok", or "not ok" with what was seen and
# where to look. Exit status 0 if all is ok, 1 if not.
# usage: [LAB=NAME] labs/tunnels/check.sh [--first]    --first: no more than what is wrong first
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh tunnels
. labs/common/playground.sh
. labs/tunnels/tunnel.sh
begin_check "$@"

runs=$(tunnel_now)
fact "lb wraps packets (${runs:-in nothing})" [ -n "$runs" ] || {
	seen "no program of a tunnel is on its eth0; run $say$lab/setup.sh"
	exit 1
}
count_tunnel
ask
check_answers "$CLIENT"
check_no_answers_pass_lb
check_no_bug
check_large
check_vip_answers_ping
check_all_unwrapped

# Last, because it changes the lab for a moment.
trap 'change_tunnel "$runs" >/dev/null' EXIT
for tunnel in ipip gre fou gue; do
	change_tunnel "$tunnel" >/dev/null
	# eight requests: hardly ever do all of them go to one backend
	fact "requests are answered through $tunnel" on client curl -s -o /dev/null --max-time 2 --fail-early "$(url "$VIP")?[1-8]" ||
		seen "not all of them; scripts/node exec backend-01 scripts/lb decap stats"
done

end_check
