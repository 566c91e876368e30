#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# command: how long does a command of scripts/lb take? Beside it, in the same run and in turns, what it cannot do
# without: six starts of bpftool and six of jq. Prints JSON: milliseconds, and multiples of these twelve starts.
# usage: tests/bench/command.sh REPEATS SERVICES BACKENDS [TREE]
#        the large configuration has SERVICES x BACKENDS; TREE: another checkout, built, whose scripts/lb is measured
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh

repeats=$1 services=$2 backends=$3 tree=${4-$PWD}
trap 'scripts/node destroy --all' EXIT
scripts/node destroy --all # whatever a killed run has left
scripts/node create lb eth0=lan:192.168.178.10/16 via 192.168.178.2
settle_in lb
on lb "$tree/scripts/lb" attach ipip eth0

services ipip 2 2 >"$build/small"
services ipip "$services" "$backends" >"$build/large"
echo "# none" >"$build/none"

# The rest runs on the node: to enter it takes as long as a command.
# measured: each line is NAME MILLISECONDS.
measured=$(
	on lb bash -euo pipefail -s -- "$repeats" "$tree/scripts/lb" "$build" "$(backend_of ipip "$backends")" <<'END'
repeats=$1 lb=$2 build=$3 second=$4 # the first backend of the second service

# time_of NAME COMMAND...
time_of() {
	local name=$1 started
	shift
	started=${EPOCHREALTIME/[.,]/}
	"$@" >/dev/null
	echo "$name $(((${EPOCHREALTIME/[.,]/} - started))) us" | awk '{ print $1, $2 / 1000 }'
}
starts() {
	local i
	for i in 1 2 3 4 5 6; do
		bpftool version >/dev/null
		jq -n 1 >/dev/null
	done
}
for ((round = 0; round < repeats; round++)); do
	"$lb" restore "$build/small"
	time_of twelve_starts starts
	time_of small.service_show "$lb" service show
	time_of small.backend_set "$lb" backend set tcp 10.1.0.0:8000 10.2.0.0 weight $((2 + round % 2))
	"$lb" restore "$build/none"
	time_of large.restore "$lb" restore "$build/large"
	time_of large.restore_again "$lb" restore "$build/large"
	time_of twelve_starts starts
	time_of large.backend_set "$lb" backend set tcp 10.1.0.1:8000 "$second" weight $((2 + round % 2))
	time_of large.service_show "$lb" service show
done
END
)

jq -Rn --argjson services "$services" --argjson backends "$backends" '
	def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
	def rounded($places): . * pow(10; $places) | round / pow(10; $places);
	[inputs | split(" ") | {name: .[0], ms: (.[1] | tonumber)}]
	| group_by(.name) | map({name: .[0].name, ms: {min: (map(.ms) | min), median: (map(.ms) | median)}})
	| (.[] | select(.name == "twelve_starts").ms.median) as $twelve
	| {large: {$services, $backends}, commands: map(.ms |= map_values(rounded(1)) | .of_twelve_starts = (.ms.median / $twelve | rounded(2)))}' <<<"$measured"
