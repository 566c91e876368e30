#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# experiment: what becomes of 50 downloads when a backend leaves? Four times: with hash % n, with Maglev, with
# Maglev and tracking, and when the backend drains instead.
# usage: [LAB=NAME] labs/maglev/experiment.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh maglev
. labs/common/playground.sh
[[ $# -eq 0 ]] || usage
need_playground

service="tcp $VIP:$PORT"
last=$((${#BACKENDS[@]} - 1))
leaver=$(backend_name $last)
downloads=50
dir=/run/xdp-lb/downloads

# lb ARGUMENT...: the command on the load balancer, shown.
lb() {
	echo "lb# scripts/lb $*"
	on lb scripts/lb "$@"
}

# start_downloads: each writes the name of its backend to a file, and at its end the number of its bytes to another.
start_downloads() {
	# shellcheck disable=SC2016 # expanded on the node
	on client bash -c 'rm -rf "$1" && mkdir -p "$1" && cd "$1" && for ((i = 0; i < $3; i++)); do
			curl -sN --limit-rate 500k --max-time 60 "$2" 2>/dev/null |
				{ read -r name; echo "$name" >$i.name; wc -c >$i.bytes; } &
		done; wait' - $dir "http://$VIP:$PORT/long" $downloads &
	wait_for 20 all_wrote name || die "not all downloads begin; look with $say$lab/check.sh"
}

# all_wrote name|bytes
all_wrote() {
	on client bash -c "[[ \$(find $dir -name '*.$1' -size +0 | wc -l) -eq $downloads ]]"
}

# count_broken: on the backend that left, and on the others, as "BROKEN of ALL".
count_broken() {
	# shellcheck disable=SC2016 # awk's
	on client bash -c "cd $dir && paste -d ' ' <(cat \$(ls -v *.name)) <(cat \$(ls -v *.bytes))" |
		awk -v leaver="$leaver" '{
			who = ($1 == leaver) ? 1 : 2
			all[who]++
			if ($2 + length($1) + 1 != 6000000) broken[who]++
		}
		END { printf "%d of %d|%d of %d", broken[1], all[1], broken[2], all[2] }'
}

# slots_now: the owner of each slot.
slots_now() {
	on lb scripts/lb --json slots tcp "$VIP:$PORT" | jq -r '.[].now'
}

# row TITLE COMMAND...: one line of the result: what the command does to the downloads.
results=()
row() {
	local before moved
	echo
	echo "== $1"
	start_downloads
	before=$(slots_now)
	"${@:2}"
	moved=$(paste <(echo "$before") <(slots_now) |
		awk -v leaver="${BACKENDS[last]}:$PORT" '$1 != $2 && $1 != leaver { n++ } END { print n + 0 }')
	wait # for the downloads
	results+=("$1|$moved|$(count_broken)")
}

# shellcheck disable=SC2086 # three words
leaves() {
	lb backend del $service "${BACKENDS[last]}"
}

# shellcheck disable=SC2086
drains() {
	lb backend set $service "${BACKENDS[last]}" weight 0
}

# begin FILLING SECONDS: all backends are there, and no connection is remembered. FILLING is how slots are filled, SECONDS
# for how long connections are learned after a change of slots.
begin() {
	{
		echo "service $service $1 slots 16381"
		printf '  backend %s weight 1 up\n' "${BACKENDS[@]}"
	} | on lb tee /run/xdp-lb/services >/dev/null
	on lb scripts/lb set window 0
	lb restore /run/xdp-lb/services
	lb set window "$2"
}

# With a large receive buffer, a whole download would wait in the client's kernel, where nothing can break it.
on client sysctl -qw net.ipv4.tcp_rmem="4096 65536 131072"

begin hash 0
row "hash % n: $leaver is deleted" leaves
begin maglev 0
row "Maglev: $leaver is deleted" leaves
begin maglev 900
row "Maglev, tracked: $leaver is deleted" leaves
begin maglev 900
row "Maglev, tracked: $leaver drains" drains
begin maglev 900

echo
printf '%-40s %13s   %s\n' "" "slots moved" "downloads broken"
printf '%-40s %13s   %-15s %s\n' "" "needlessly" "on $leaver" "elsewhere"
printf '%s\n' "${results[@]}" | awk -F '|' '{ printf "%-40s %13s   %-15s %s\n", $1, $2, $3, $4 }'
