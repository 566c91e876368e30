#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# watch: what `lb watch` costs: the share of one CPU that it and all that it starts take for so many backends, checked by
# HTTP every 2 s through xdp_ipip. Beside it, in the same run, the floor: curl alone, with the same requests, once every
# 2 s. Prints JSON.
# usage: tests/bench/watch.sh REPEATS SECONDS BACKENDS
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh

repeats=$1 seconds=$2 backends=$3
trap 'scripts/node destroy --all' EXIT
scripts/node destroy --all # whatever a killed run has left
scripts/node create lb eth0=lan:192.168.178.10/24
scripts/node create servers eth0=lan:192.168.178.2/24
on lb sysctl -qw net.ipv4.ip_forward=1
on lb ip route add 10.2.0.0/16 via 192.168.178.2
on lb scripts/lb attach ipip eth0
{
	echo "service tcp 10.1.0.0:8000"
	echo "  check http / interval 2"
	for ((i = 0; i < backends; i++)); do echo "  backend $(backend_of ipip "$i")"; done
} | on lb scripts/lb restore -

# One machine is all of the backends: every address of 10.2.0.0/16 is its own.
on servers ip addr add 10.1.0.0/32 dev lo
on servers ip route add local 10.2.0.0/16 dev lo
on servers scripts/lb attach decap eth0
(
	. maps/all.sh
	# shellcheck disable=SC2046 # bytes
	{
		echo "map update pinned $maps/decap_addresses key $(decap_key lb 192.168.178.10) value $(decap_entry)"
		echo "map update pinned $maps/decap_addresses key $(decap_key vip 10.1.0.0) value $(decap_entry)"
		for ((i = 0; i < backends; i++)); do
			echo "map update pinned $maps/decap_addresses key $(decap_key host "$(backend_of ipip "$i")") value $(decap_entry ipip)"
		done
	} | on servers bpftool batch file - >/dev/null
)
mkdir -p "$build/nginx"
cat >"$build/nginx/watch.conf" <<END
pid /run/nginx.pid;
worker_processes 1;
events { worker_connections 4096; }
http { access_log off; server { listen 8000 backlog=4096; location / { return 200 "well\n"; } } }
END
on servers nginx -c "$build/nginx/watch.conf" -e /run/nginx.log

# ticks: the CPU time of lb watch and all that it has started, in ticks of the clock.
# shellcheck disable=SC2016 # expanded on the node
measured=$(
	on lb bash -euo pipefail -s -- "$repeats" "$seconds" <<'END'
repeats=$1 seconds=$2
scripts/lb watch >/run/watch.log 2>&1 &
watch=$!
ticks() {
	local pid
	{
		cat "/proc/$watch/stat"
		for pid in $(pgrep -P $watch); do cat "/proc/$pid/stat"; done
	} 2>/dev/null | awk '{ n += $14 + $15 + $16 + $17 } END { print n }'
}
percent() { # TICKS CENTISECONDS
	awk -v ticks="$1" -v centi="$2" -v hz="$(getconf CLK_TCK)" 'BEGIN { print 100 * ticks / hz / (centi / 100) }'
}
uptime_now() { tr -d . </proc/uptime | cut -d ' ' -f 1; }
for ((i = 0; i < 100; i++)); do
	scripts/lb --json service show | jq -e '.[0].backends | all(.health == "healthy")' >/dev/null && break
	sleep 0.3
done
scripts/lb --json service show | jq -e '.[0].backends | all(.health == "healthy")' >/dev/null || { cat /run/watch.log >&2; exit 1; }
sleep 2
for ((round = 0; round < repeats; round++)); do
	before=$(ticks) begun=$(uptime_now)
	sleep "$seconds"
	echo "watch $(percent $(($(ticks) - before)) $(($(uptime_now) - begun)))"
done
# The floor: the same transfers by curl alone, while lb watch stands still.
for keeper in $(pgrep -P $watch); do [[ $(</proc/$keeper/comm) != sleep ]] || break; done
kill -STOP $watch
sleep 1.5
i=0
for order in /run/xdp-lb/watch/order.*; do cat "$order" >>/run/floor.$((i++ / 250)); done
for file in /run/floor.*; do sed -i '$d' "$file"; done
for ((round = 0; round < repeats; round++)); do
	before=$(awk '{ print $16 + $17 }' /proc/$$/stat)
	for ((i = 0; i < 5; i++)); do
		for file in /run/floor.*; do
			nsenter --net=/proc/$keeper/ns/net curl -q --parallel --parallel-immediate --parallel-max 250 -K "$file" >/dev/null 2>&1 &
			pids+=($!)
		done
		wait "${pids[@]}"
		pids=()
	done
	echo "curl $(percent $(($(awk '{ print $16 + $17 }' /proc/$$/stat) - before)) 1000)"
done
kill -CONT $watch
kill $watch
wait $watch || true
END
)

jq -Rn --argjson backends "$backends" '
	def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
	[inputs | split(" ") | {name: .[0], value: (.[1] | tonumber)}]
	| {$backends, interval: 2, percent_of_a_cpu: (group_by(.name) | map({key: .[0].name, value: (map(.value) | median * 10 | round / 10)}) | from_entries)}' <<<"$measured"
