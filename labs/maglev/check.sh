#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# check: is the Maglev lab's playground as it should be? One line for each fact: "ok", or "not ok" with
# what was seen and where to look. Exit status 0 if all is ok, 1 if not.
# usage: [LAB=NAME] labs/maglev/check.sh [--first]    --first: no more than what is wrong first
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh maglev
. labs/common/playground.sh
begin_check "$@"

ask
check_answers "$CLIENT"
fact "the load balancer forwards every packet of the requests ($(rose forwarded))" \
	[ "$(rose forwarded)" -ge $((4 * requests)) ] || seen "$(suspects)"
check_no_answers_pass_lb
check_no_bug
# "ADDRESS:PORT PERCENT" of the slots, a line each.
shares=$(on lb scripts/lb --json slots tcp "$VIP:$PORT" |
	jq -r 'length as $all | group_by(.now)[] | "\(.[0].now) \(100 * length / $all | round)"')
for i in "${!BACKENDS[@]}"; do
	share=$(awk -v backend="${BACKENDS[i]}:$PORT" '$1 == backend { print $2 }' <<<"$shares")
	fact "$(backend_name "$i") has its share of the slots (${share:-0} %)" \
		[ $((${share:-0} * ${#BACKENDS[@]} / 10)) -ge 9 ] ||
		seen "less; scripts/node exec lb scripts/lb service show"
done

end_check
