#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# check: is the group lab's playground as it should be? One line for each fact: "ok", or "not ok" with what was seen and
# where to look. Exit status 0 if all is ok, 1 if not.
# usage: [LAB=NAME] labs/group/check.sh [--first]    --first: no more than what is wrong first
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh group
. labs/common/playground.sh
begin_check "$@"

mapfile -t lbs < <(lb_names)

# forwarded: of each load balancer, a line each: packets that it has forwarded.
forwarded() {
	local lb
	for lb in "${lbs[@]}"; do
		on "$lb" scripts/lb --json stats 2>/dev/null | jq '.verdicts[] | select(.name == "forwarded").packets' || echo 0
	done
}
ways=$(on gateway ip -j route show "$VIP" | jq -r '.[0] | .nexthops // [.] | map(.gateway) | sort | join(" ")')
fact "gateway has a way to the VIP by each load balancer" [ "$ways" = "${LBS[*]}" ] ||
	seen "${ways:-none}; scripts/node exec gateway birdc show protocols"
before=$(forwarded)
ask
check_answers "$CLIENT"
mapfile -t got < <(paste <(echo "$before") <(forwarded) | awk '{ print $2 - $1 }')
for i in "${!lbs[@]}"; do
	fact "${lbs[i]} forwards some of the packets (${got[i]})" [ "${got[i]}" -gt 0 ] ||
		seen "none; scripts/node exec ${lbs[i]} tail /run/xdp-lb/watch.log"
done
check_no_bug
tables=$(for lb in "${lbs[@]}"; do on "$lb" scripts/lb --json slots tcp "$VIP:$PORT" | jq -c 'map(.now)' | sha256sum; done | sort -u)
fact "all of them have the same table, slot by slot" [ "$(wc -l <<<"$tables")" -eq 1 ] ||
	seen "they differ; compare: scripts/node exec ${lbs[0]} scripts/lb save"
prints=$(for lb in "${lbs[@]}"; do on "$lb" scripts/lb fingerprint; done | sort -u)
fact "and would send the same connection to the same slot: one fingerprint (${prints%%$'\n'*})" [ "$(wc -l <<<"$prints")" -eq 1 ] ||
	seen "$(xargs <<<"$prints"); where do they differ? Compare what lb show and lb save say on each of them"

end_check
