#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# check: is the tunnels lab's playground as it should be? One line for each fact: "ok", or "not ok" with what was seen and
# where to look. Exit status 0 if all is ok, 1 if not.
# usage: [LAB=NAME] labs/tunnels/check.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh tunnels
. labs/common/playground.sh
. labs/tunnels/tunnel.sh
[[ $# -eq 0 ]] || usage

need_playground
# decapsulated: how many packets the backends have unwrapped.
decapsulated() {
	local backend
	for backend in $(backend_names); do
		on "$backend" scripts/lb --json decap stats | jq '.[] | select(.name == "decapsulated").packets'
	done | jq -s add
}
runs=$(tunnel_now)
fact "lb wraps packets (${runs:-in nothing})" [ -n "$runs" ] || {
	seen "no program of a tunnel is on its eth0; run $say$lab/setup.sh"
	exit 1
}
unwrapped=$(decapsulated) forwarded=$(lb_packets forwarded)
ask
check_answers "$CLIENT"
check_no_answers_pass_lb
check_no_bug
unwrapped=$(($(decapsulated) - unwrapped)) forwarded=$(($(lb_packets forwarded) - forwarded))
fact "the backends unwrap every packet that lb wraps" [ "$unwrapped" -eq "$forwarded" ] ||
	seen "$unwrapped of $forwarded; scripts/node exec backend-01 scripts/lb decap stats"

# Last, because it changes the lab for a moment.
trap 'change_tunnel "$runs" >/dev/null' EXIT
for tunnel in ipip gre fou gue; do
	change_tunnel "$tunnel" >/dev/null
	# eight requests: hardly ever do all of them go to one backend
	fact "requests are answered through $tunnel" on client curl -s -o /dev/null --max-time 2 --fail-early "$(url "$VIP")?[1-8]" ||
		seen "not all of them; scripts/node exec backend-01 scripts/lb decap stats"
done

exit "$failed"
