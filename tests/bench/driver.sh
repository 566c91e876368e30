#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# driver: how many frames per second go through a program in a network driver? Two machines, one cable:
#
#   gen [eth0] ======== [eth0] lb      veth, native mode, two queues
#
# gen makes frames (BPF_F_TEST_XDP_LIVE_FRAMES) and sends them to lb, whose program sends them back to gen,
# where a program counts and drops them. One CPU does all of this for a frame. Programs take turns with the
# floor, which swaps the MAC addresses and sends the frame back. Prints JSON.
# usage: tests/bench/driver.sh MODE REPEATS SECONDS [grow]    MODE: ipip, l2dsr or nat; "grow" (of ipip):
#        step by step, with more and more flows, services and backends, and with two CPUs
# It fails if a counter is not what it must be.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh

mode=$1 repeats=$2 seconds=$3 grow=${4-}
backends=(1 10 100 1000)
trap 'scripts/node destroy --all' EXIT
scripts/node destroy --all # whatever a killed run has left

scripts/node create gen
scripts/node create lb
ip link add eth0 numrxqueues 2 numtxqueues 2 netns "$(pid_of lb)" type veth \
	peer name eth0 numrxqueues 2 numtxqueues 2 netns "$(pid_of gen)"
on gen ip link set eth0 address 02:00:00:00:00:02
on lb ip link set eth0 address 02:00:00:00:00:10
on gen sysctl -eqw net.ipv6.conf.all.disable_ipv6=1
on lb ip addr add 192.168.178.10/16 dev eth0
on gen ip link set eth0 up
on lb ip link set eth0 up
on lb ip route add default via 192.168.178.2
settle_in lb
load_tools gen
load_tools lb
on gen ip link set dev eth0 xdp pinned $floors/sink

know_backends lb "$mode" 256
[[ $mode != nat ]] || on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
on lb scripts/lb attach "$mode" eth0
{
	services "$mode" $((${#grow} ? 256 : 1)) 1
	# service 10.1.0.0:(9000 + N) has N backends
	for n in "${backends[@]}"; do
		[[ -n $grow ]] || break
		echo "service tcp 10.1.0.0:$((9000 + n))"
		for ((i = 0; i < n; i++)); do
			echo "backend $(backend_of "$mode" "$i")"
		done
	done
} | on lb scripts/lb restore -
on lb ip -force link set dev eth0 xdp off
on lb ip link set dev eth0 xdp obj "bpf/xdp_$mode.o" sec xdp
program=$(program_on lb eth0)
on lb bpftool prog pin id "$program" /sys/fs/bpf/program
[[ $mode != nat ]] || on lb "$build/packets" time eth0 1 4 \
	<<<"play xdp id:$program $(deck 1 1 syn synack established)" >/dev/null

# measure CPUS DECK: sends frames. Sets sent and came, how many there were, and rate, how many came back per
# second.
measure() {
	local before cpu took
	before=$(sunk gen)
	for ((cpu = 0; cpu < $1; cpu++)); do
		on gen taskset -c "$cpu" "$build/packets" send eth0 "$seconds" /sys/fs/bpf/deal/deal_and_send "$2" \
			>"$build/sent.$cpu" &
	done
	wait
	read -r sent took < <(awk '{ n += $1; took += $2 } END { printf "%d %f\n", n, took / NR }' "$build"/sent.[0-9])
	rm -f "$build"/sent.[0-9]
	came=$(($(sunk gen) - before))
	rate=$(awk -v n=$came -v s="$took" 'BEGIN { printf "%d", n / s }')
}

# points: NAME CPUS DECK PROGRAM
points=("$mode 1 $(deck 1 1 established) /sys/fs/bpf/program")
if [[ -n $grow ]]; then
	load_ladder lb ipip
	for step in "${steps[@]}"; do
		points+=("ladder=$step 1 $(deck 1 1 established) /sys/fs/bpf/ladder/step_$step")
	done
	points+=("cpus=2 2 $(deck 1 1 established) /sys/fs/bpf/program")
	for n in 1 1024 65536 1048576; do
		points+=("flows=$n 1 $(deck "$n" 1 established) /sys/fs/bpf/program")
	done
	for n in 1 16 256; do
		points+=("services=$n 1 $(deck 65536 "$n" established) /sys/fs/bpf/program")
	done
	for n in "${backends[@]}"; do
		points+=("backends=$n 1 $(deck 65536 1 "established:$((9000 + n))") /sys/fs/bpf/program")
	done
fi

before=$(counted lb stats | jq .forwarded)
all_sent=0 all_came=0
for ((i = 0; i < repeats; i++)); do
	for point in "${points[@]}"; do
		read -r name cpus deck program <<<"$point"
		on lb ip -force link set dev eth0 xdp pinned $floors/mac_swap
		measure "$cpus" "$deck"
		echo -n "$name $rate "
		on lb ip -force link set dev eth0 xdp pinned "$program"
		measure "$cpus" "$deck"
		echo "$rate"
		all_sent=$((all_sent + sent))
		all_came=$((all_came + came))
	done
done >"$build/rates"
forwarded=$(($(counted lb stats | jq .forwarded) - before))
# Everything that came back was forwarded, and nothing was made up; a busy machine may lose some on the way.
[[ $forwarded -ge $all_came && $forwarded -le $all_sent ]] ||
	die "of $all_sent frames $forwarded were forwarded, and $all_came came back"

jq -nR --arg mode "$mode" --argjson lost $((all_sent - all_came)) '
	def median: sort | .[(length - 1) / 2 | floor];
	def round3: . * 1000 | round / 1000;
	[inputs | split(" ") | {name: .[0], floor: (.[1] | tonumber), rate: (.[2] | tonumber)}]
	| [group_by(.name)[] | {name: .[0].name, frames_per_second: {median: (map(.rate) | median), max: (map(.rate) | max)},
		floor: {median: (map(.floor) | median), max: (map(.floor) | max)},
		of_floor: (map(.rate / .floor) | median | round3)}]
	| {mode: $mode, lost: $lost, points: (sort_by(.name | split("=") | [.[0], (.[1] // "0" | split("_")[0] | tonumber)]))}
' <"$build/rates"
