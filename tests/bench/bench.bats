#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016 # variables in quotes are jq's
# bats file_tags=alone
# make bench: that it measures what it says. No figure is judged here.

load ../lib/helper

setup_file() {
	host >"$BATS_FILE_TMPDIR/before"
	tests/bench/run quick "$BATS_FILE_TMPDIR" >"$BATS_FILE_TMPDIR/table" || {
		cat "$BATS_FILE_TMPDIR/table"
		false
	}
	cat "$BATS_FILE_TMPDIR/table"
}

# host: what the installation of packages could leave behind. (Images for containers have a policy-rc.d from the start.)
host() {
	cat /usr/sbin/policy-rc.d 2>&1 || true
}

# results FILTER: whether the results are so.
results() {
	jq -e "$1" "$BATS_FILE_TMPDIR/results.json"
}

@test "the benchmark sends packets of every kind through every program" {
	results '[.per_packet[] | .mode as $mode | .cases[].name | "\($mode) \(.)"] as $cases |
		all("ipip established", "ipip SYN", "ipip UDP", "ipip slot in transition, flow known", "ipip for nobody",
		"ipip established, cold", "l2dsr established", "l2dsr SYN", "l2dsr UDP", "l2dsr slot in transition, flow known",
		"l2dsr for nobody", "l2dsr established, cold", "nat request, established", "nat reply, established",
		"nat request, UDP", "nat new connection, SYN", "nat for nobody", "nat request, cold", "decap accepted",
		"decap refused", "decap accepted, cold"; . as $case | $cases | index($case) != null)'
	results '[.per_packet[].cases[] | .ns.min, .ns.median, .multiple.median | type == "number"] | all'
	results '[.per_packet[].object[] | . > 0] | all and length == 25'
}

@test "the benchmark counts the cache lines and pages that packets touch, map by map, with 1, 16 and 256 services" {
	results '[.working_set[].mode] == ["ipip", "l2dsr", "nat"]'
	results '[.working_set[].many[] | .services] == [1, 16, 16, 1, 16, 16, 1, 16, 16]' # as many as it has flows
	results '[.working_set[] | .packet, .many[] | .lines > 5 and .pages > 2 and .lines == (.maps | add)] | all'
	results '[.working_set[:2][].packet.maps | .slots == 1 and .backends >= 1 and .nexthops >= 2] | all'
	results '.working_set[2].packet.maps.conntrac >= 2'
}

@test "the benchmark measures what lb watch costs, beside curl alone" {
	results '.watch.backends == 20'
	results '[.watch.percent_of_a_cpu.watch, .watch.percent_of_a_cpu.curl | . > 0] | all'
}

@test "the benchmark measures commands of scripts/lb beside starts of bpftool and jq" {
	results '.command.large == {services: 4, backends: 5}'
	results '[.command.commands[].name] == ["large.backend_set", "large.restore", "large.restore_again", "large.service_show",
		"small.backend_set", "small.service_show", "twelve_starts"]'
	results '[.command.commands[] | .ms.min, .ms.median, .of_twelve_starts | . > 0] | all'
}

@test "the benchmark sends frames through a driver in every mode, and through ipip with more and more flows, services and backends" {
	results '[.driver[].mode] == ["ipip", "l2dsr", "nat"]'
	results '[.driver[0].points[].name] as $names | all("flows=1048576", "services=256", "backends=1000", "cpus=2",
		"ladder=9_all"; . as $name | $names | index($name) != null)'
	results '[.driver[].points[] | .frames_per_second.median > 0 and .of_floor > 0] | all'
}

@test "the benchmark measures the alternatives and our programs, and gives all figures of each" {
	results '[.compare[].contestant] == ["direct", "nginx", "haproxy", "nftables", "nat", "l2dsr", "ipip"]'
	results '[.compare[] | .requests_per_second, .connections_per_second, .latency_us.p50, .latency_us.p99 | . > 0] | all'
	results '[.compare[1:][].memory_bytes | . > 0] | all'
	# in a container nobody sees the threads that the kernel works in
	local cpu='. > 0'
	grep -qsx kthreadd /proc/2/comm || cpu='. == null'
	results "[.compare[1:][] | .lb_cpu_us_per_request, .lb_cpu_us_per_connection | $cpu] | all"
	results '[.compare[] | select(.contestant | . != "direct" and . != "haproxy") | .udp_frames_per_second > 0] | all'
}

@test "the benchmark prints tables and draws plots, and leaves the host as it was" {
	grep -q "^ipip: established  " "$BATS_FILE_TMPDIR/table"
	grep -q "^nginx  " "$BATS_FILE_TMPDIR/table"
	local plot
	for plot in per_packet driver compare; do
		python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$BATS_FILE_TMPDIR/$plot.svg"
		[ "$(grep -c "<text" "$BATS_FILE_TMPDIR/$plot.svg")" -gt 10 ]
	done
	[ -z "$(LAB=bench scripts/node list)" ]
	diff "$BATS_FILE_TMPDIR/before" <(host)
}
