#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# table: prints the results of the benchmark as tables.
# usage: tests/bench/table.sh RESULTS.json
set -euo pipefail

# columns: lines of fields between tabs; the first column to the left, the others to the right.
columns() {
	awk -F'\t' '{ printf "%-34s", $1; for (i = 2; i <= NF; i++) printf " %12s", $i; print "" }'
}

results=$1
jq -r '"\(.date), Linux \(.kernel), \(.cpus) x \(.cpu), \(.clang)"' "$results"
echo
jq -r '["ns per packet (5 repeats)", "min", "median", "x mac_swap"],
	(.per_packet[0].floors | to_entries[] | ["floor: \(.key)", .value.min, .value.median, ""]),
	(.per_packet[] | .mode as $mode | .cases[] | ["\($mode): \(.name)", .ns.min, .ns.median, .multiple.median]) | @tsv' "$results" | columns
echo
jq -r '["program", "instructions", "translated", "jited bytes", "verified", "maps, MiB"],
	([.per_packet | group_by(.mode)[] | last][] | .mode as $mode | .object | [$mode, .object_instructions, .translated_instructions, .jited_bytes,
	.verified_instructions, (.map_bytes / 1048576 | floor)]) | @tsv' "$results" | columns
echo
jq -r '["cache lines touched, 64 bytes", "lines", "KiB", "pages"],
	(.working_set[] | .mode as $mode | ["\($mode): one packet", .packet], (.many[] | ["\($mode): \(.flows) flows, \(.services) services", .])
		| [.[0], .[1].lines, (.[1].bytes / 1024 | round), .[1].pages]) | @tsv' "$results" | columns
echo
jq -r '["frames per second, veth", "floor", "program", "of floor"],
	(.driver[] | .mode as $mode | .points[] | ["\($mode): \(.name)", .floor.median, .frames_per_second.median, .of_floor]) | @tsv' "$results" | columns
echo
jq -r '.watch | select(.) | ["% of a CPU: lb watch of \(.backends) backends, each \(.interval) s", "lb watch", "curl alone"],
	["", .percent_of_a_cpu.watch, .percent_of_a_cpu.curl] | @tsv' "$results" | columns
echo
jq -r '.command | "ms per command; large is \(.large.services) services of \(.large.backends) backends" as $title
	| [$title, "min", "median", "x 12 starts"], (.commands[] | [.name, .ms.min, .ms.median, .of_twelve_starts]) | @tsv' "$results" | columns
echo
jq -r 'def dash: if . == null then "-" else . end;
	["load balancer", "requests/s", "of direct", "CPU us", "connections/s", "of direct", "CPU us", "p50 us", "p99 us", "UDP/s", "lost %", "memory, MiB"],
	(.compare[] | [.contestant, .requests_per_second, .requests_of_direct, .lb_cpu_us_per_request,
	.connections_per_second, .connections_of_direct, .lb_cpu_us_per_connection,
	.latency_us.p50, .latency_us.p99, .udp_frames_per_second, .udp_lost_percent, (.memory_bytes | if . then . / 1048576 | floor else . end)]
	| map(dash)) | @tsv' "$results" | columns
