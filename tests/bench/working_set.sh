#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# working_set: how much memory do packets touch? Runs a program, compiled with touch.h, on frames of connections that are
# there, and counts the cache lines (of 64 bytes) and pages (of 4 KiB) of all elements of maps that it has looked up: for
# one packet, map by map, and together for many flows to 1, 16 and 256 services. Prints JSON.
# usage: tests/bench/working_set.sh MODE FLOWS    MODE: ipip, l2dsr or nat; FLOWS: a power of two
# The kernel's own lines count too, as well as they can be known: a pointer for each element of a per-CPU array, a bucket for
# each element of a hash. Not the frame, the stack and the code, which are the same for all packets.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh

mode=$1 flows=$2
backends=4 templates=(established)
[[ $mode != nat ]] || backends=1 templates=(syn synack established)
trap 'scripts/node destroy --all' EXIT
scripts/node destroy --all # whatever a killed run has left

scripts/node create lb eth0=lan:192.168.178.10/16 via 192.168.178.2
on lb ip link set eth0 address 02:00:00:00:00:10
settle_in lb
know_backends lb "$mode" $((256 * backends))
[[ $mode != nat ]] || on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
on lb scripts/lb attach "$mode" eth0
services "$mode" 256 $backends | on lb scripts/lb restore -

# load: the program, with nothing touched yet.
load() {
	local map words=(map name touch_log pinned /sys/fs/bpf/deal/touch_log)
	for map in $(on lb ls $maps); do
		# no program for packets has those that lb makes
		declare -p "${map^^}_MAP" >/dev/null 2>&1 || words+=(map name "$map" pinned "$maps/$map")
	done
	on lb rm -rf /sys/fs/bpf/deal /sys/fs/bpf/touched
	on lb bpftool prog loadall "$build/touch.o" /sys/fs/bpf/deal pinmaps /sys/fs/bpf/deal
	on lb bpftool prog loadall "$build/touch_$mode.o" /sys/fs/bpf/touched "${words[@]}"
}

# play NOTING FLOWS SERVICES TEMPLATE...: sends all templates of every flow once, and notes what is touched, or not. (The
# first frame is no flow's.)
play() {
	on lb bpftool map update pinned /sys/fs/bpf/deal/noting key 0 0 0 0 value "$1" 0 0 0
	on lb bpftool map update pinned /sys/fs/bpf/deal/dealt key 0 0 0 0 value 0 0 0 0 0 0 0 0
	on lb taskset -c 0 "$build/packets" time eth0 1 $((1 + $2 * ($# - 3))) \
		<<<"play xdp /sys/fs/bpf/touched/xdp_$mode $(deck "${@:2}")" >/dev/null
}

# touched FLOWS SERVICES: what packets of so many established connections touch: {lines, pages, maps: {NAME: lines}}
touched() {
	load
	play 0 "$1" "$2" "${templates[@]}" # connections and caches are there
	play 1 "$1" "$2" established
	on lb bpftool -j map dump pinned /sys/fs/bpf/deal/touched_lines | jq -c --arg flows "$1" --arg services "$2" '
		def byte: ltrimstr("0x") | explode | map(if . > 96 then . - 87 else . - 48 end) | .[0] * 16 + .[1];
		[.[].key | {map: (.[:8] | map(byte | select(. > 0)) | implode), page: .[16:]}]
		| {flows: ($flows | tonumber), services: ($services | tonumber), lines: length, bytes: (64 * length),
			pages: (map(.page) | unique | length),
			maps: (group_by(.map) | map({key: .[0].map, value: length}) | from_entries)}'
}

for ((n = 1; n <= 256; n *= 16)); do
	touched "$flows" $((n < flows ? n : flows))
done >"$build/touched"
jq -nc --arg mode "$mode" --argjson packet "$(touched 1 1)" --slurpfile many "$build/touched" '{$mode, $packet, $many}'
