#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# check: is the health lab's playground as it should be? One line for each fact: "ok", or "not ok" with what was seen and
# where to look. Exit status 0 if all is ok, 1 if not.
# usage: [LAB=NAME] labs/health/check.sh [--first]    --first: no more than what is wrong first
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh health
. labs/common/playground.sh
begin_check "$@"
MODE=$(on lb cat /run/xdp-lb/mode) # as setup.sh was told
# shellcheck source=labs/health/lab.env
. "${LAB_ENV:-$lab/lab.env}"

# health_of ADDRESS...: what the checks have found, a word each.
health_of() {
	on lb scripts/lb --json service show |
		jq -r --args '.[0].backends[] | select(.address | IN($ARGS.positional[])).health' "$@" | xargs
}
# is HEALTH ADDRESS...: whether all of them are.
# shellcheck disable=SC2317 # called by fact, as its arguments
is() {
	[[ $(health_of "${@:2}" | tr ' ' '\n' | sort -u) == "$1" ]]
}
# checks_of BACKEND: how many checks its web server has seen, and from where.
checks_of() {
	on "$1" awk '$2 == "CHECK" { n[$1]++ } END { for (from in n) print from, n[from] }' /run/xdp-lb/http.log
}
# shellcheck disable=SC2016,SC2317 # expanded on the node; called by fact
watch_runs() {
	on lb bash -c 'kill -0 "$(cat /run/xdp-lb/watch/pid)"'
}

fact "lb watch runs" watch_runs || {
	seen "it does not; see /run/xdp-lb/watch.log on lb; $say$lab/setup.sh builds it again"
	exit 1
}
fact "it has found that all ${#BACKENDS[@]} backends are healthy" wait_for 20 is healthy "${BACKENDS[@]}" ||
	seen "$(health_of "${BACKENDS[@]}"); scripts/node exec lb cat /run/xdp-lb/watch.log"

ask
if [[ $MODE == nat ]]; then
	check_answers "$LB"
else
	check_answers "$CLIENT"
	check_no_answers_pass_lb
fi
check_no_bug

for backend in "${backends[@]}"; do
	wait_for 5 eval '[[ -n $(checks_of "$backend") ]]' || true
	checks=$(checks_of "$backend")
	fact "$backend is checked by lb" [ "${checks% *}" = "$LB" ] ||
		seen "${checks:-it is not}; scripts/node exec $backend tail /run/xdp-lb/http.log"
done
if [[ $MODE != nat ]]; then
	counters_before=$(lb_counters)
	wait_for 5 eval 'counters_after=$(lb_counters); [[ $(rose probe_answer) -ge 30 ]]' || true
	fact "checks go through the program ($(rose probe) packets)" [ "$(rose probe)" -ge 30 ] ||
		seen "they do not; scripts/node exec lb scripts/lb stats"
	fact "and so do their answers ($(rose probe_answer))" [ "$(rose probe_answer)" -ge 30 ] ||
		seen "they do not come back; $say$lab/trace.sh"
fi

# Last, because it breaks the lab for a moment.
victim=${backends[-1]} address=${BACKENDS[-1]}
revive() {
	on "$victim" curl -s -o /dev/null --max-time 2 "http://$address:$PORT/" ||
		on "$victim" labs/health/server.py "$PORT" "Hello from $victim ($address)"
}
trap revive EXIT
on "$victim" kill -KILL "$(on "$victim" cat /run/xdp-lb/server.pid)"
fact "a dead server is found" wait_for 20 is failed "$address" ||
	seen "$(health_of "$address"); scripts/node exec lb cat /run/xdp-lb/watch.log"
answers=$(on client curl -s --max-time 2 "http://$VIP:$PORT/?[1-$requests]") || true
got=$(grep -c Hello <<<"$answers") || true
fact "while it is dead, $requests of $requests requests are answered" [ "$got" -eq "$requests" ] ||
	seen "only $got; scripts/node exec lb scripts/lb service show"
trap - EXIT
revive
fact "and when it is back, it is healthy again" wait_for 60 is healthy "$address" ||
	seen "$(health_of "$address"); scripts/node exec lb cat /run/xdp-lb/watch.log"

end_check
