#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The log: what lb says to the journal. A stand-in for the journal writes down what it is sent, a line of JSON each.

load ../lib/helper

service="tcp 192.168.178.15:8000"
named=(tcp 192.168.178.15:8000) # the same, as words of a command

setup_file() {
	one_load_balancer
	background lb bash -c 'ulimit -n 1024; mkdir -p /run/systemd/journal && exec python3 tests/lib/journal.py /run/systemd/journal/socket /run/journal'
	wait_for 10 on lb test -S /run/systemd/journal/socket
	lb attach l2dsr eth0
}

teardown_file() {
	scripts/node destroy --all
}

setup() {
	lb restore - <<<"# none"
	on lb truncate -s 0 /run/journal
}

# lines FILTER: of the journal, each through a jq filter.
lines() {
	on lb jq -r "$1" /run/journal
}

# fields: all lines, in short.
fields() {
	lines '[.PRIORITY, .SERVICE // "-", .BACKEND // "-", .OLD // "-", .NEW // "-"] | join("|")'
}

@test "a change by a command is a line with its fields; one that changes nothing is none" {
	lb service add "${named[@]}"
	lb backend add "${named[@]}" 192.168.178.2
	lb backend set "${named[@]}" 192.168.178.2 weight 3
	lb backend set "${named[@]}" 192.168.178.2 weight 3
	lb backend set "${named[@]}" 192.168.178.2 down
	lb check add "${named[@]}" tcp
	lb --dry-run backend del "${named[@]}" 192.168.178.2
	lb service show
	lb backend del "${named[@]}" 192.168.178.2
	lb service del "${named[@]}"
	[ "$(fields)" = "$(
		cat <<-END
			5|$service|-|none|$service maglev
			5|$service|192.168.178.2:8000|none|weight 1 up
			5|$service|192.168.178.2:8000|weight 1 up|weight 3 up
			5|$service|192.168.178.2:8000|weight 3 up|weight 3 down
			5|$service|-|$service maglev|$service maglev check tcp
			5|$service|192.168.178.2:8000|weight 3 down|none
			5|$service|-|$service maglev check tcp|none
		END
	)" ]
	[ "$(lines '.SYSLOG_IDENTIFIER' | sort -u)" = lb ]
	[ "$(lines 'select(.OBJECT_PID | test("^[0-9]+$") | not)')" = "" ]
}

@test "a program, a setting: a line each; the hash key is not in it" {
	local key
	key=$(printf '%064d' 7)
	lb set key "$key" window 90
	[ "$(lines .MESSAGE)" = "load_balancer set: hash_key, window" ]
	run ! on lb grep -F "$key" /run/journal
	on lb truncate -s 0 /run/journal
	lb detach eth0
	lb attach l2dsr eth0
	[ "$(lines '"\(.DEVICE) \(.OLD) \(.NEW)"')" = $'eth0 xdp_l2dsr none\neth0 none xdp_l2dsr' ]
}

@test "what is refused is a line that says why; what is not understood, or only tried, is none" {
	run -1 lb backend del "${named[@]}" 192.168.178.2
	[ "$(lines '[.PRIORITY, .SERVICE, .BACKEND, .WHY] | join("|")')" = "3|$service|192.168.178.2:8000|there is no service $service; 'lb service show' lists those that are there" ]
	[[ $output == "lb: there is no service"* ]]
	on lb truncate -s 0 /run/journal
	run -1 lb --dry-run backend del "${named[@]}" 192.168.178.2
	run -2 lb service ad "${named[@]}"
	run -1 lb set key secret
	[ "$(lines .MESSAGE)" = "" ]
}

@test "a restore of many: five lines, services first, and one that says how many others there are" {
	local i
	{
		for i in 1 2; do
			echo "service tcp 10.9.0.$i:80"
			printf 'backend 192.168.178.2:%d\n' {1..50}
		done
	} >"$BATS_TEST_TMPDIR/services"
	lb restore - <"$BATS_TEST_TMPDIR/services"
	# four or five of one second, and perhaps those of the next
	[ "$(lines 'select(.SERVICE).SERVICE' | wc -l)" -eq 5 ]
	[ "$(lines '.BACKEND // "service"' | head -3 | paste -sd ' ')" = "service service 192.168.178.2:1" ]
	lines .MESSAGE | grep -E "^and [0-9]+ other"
}

@test "log: at most five lines in a second and how many others; to standard error too, unless that is the journal" {
	# shellcheck disable=SC2016 # expanded over there
	local script='acts=watch dry="" EPOCHSECONDS=0; . scripts/lib/log.sh
		printf() { if [[ $1 == -v ]]; then second=1; else builtin printf "$@"; fi; } # a clock that stands still
		for i in {1..12}; do log 4 "line $i" "WHY=a
b"; done; tell_held'
	run -0 on lb bash -euc "$script"
	[ "$(wc -l <<<"$output")" -eq 6 ]
	[[ $output == "lb: line 1"$'\n'*"lb: and 7 other lines were left out"* ]]
	[ "$(lines .WHY | head -5 | sort -u)" = "a b" ]
	[ "$(lines .MESSAGE | wc -l)" -eq 6 ]
	# standard error is the journal: only with fields
	on lb truncate -s 0 /run/journal
	on lb bash -euc "exec 2>/run/stderr; export JOURNAL_STREAM=\$(stat -Lc %d:%i /dev/stderr); $script"
	[ "$(on lb cat /run/stderr)" = "" ]
	[ "$(lines .MESSAGE | wc -l)" -eq 6 ]
	# and if there is none, it is not lost
	on lb bash -euc "exec 2>/run/stderr; export JOURNAL_STREAM=\$(stat -Lc %d:%i /dev/stderr); journal=/none; ${script/log.sh/log.sh; journal=\/none}"
	[ "$(on lb grep -c . /run/stderr)" -eq 6 ]
}

@test "lb watch: health, with old, new and why; a program that is attached again" {
	printf 'service %s\ncheck tcp interval 0.5 fast-interval 0.1 timeout 0.5 fall 1\nbackend 192.168.178.2\n' "$service" | lb restore -
	on lb truncate -s 0 /run/journal
	background lb bash -c 'exec scripts/lb watch >/run/watch.log 2>&1'
	wait_for 20 on lb grep -q "THE SERVICE HAS FAILED" /run/journal
	wait_for 20 on lb grep -q "HAS FAILED: check" /run/journal
	[ "$(lines 'select(.BACKEND) | [.PRIORITY, .SERVICE, .BACKEND, .OLD, .NEW] | join("|")')" = "4|$service|192.168.178.2:8000|unchecked|failed" ]
	[[ $(lines 'select(.BACKEND).WHY') == "check tcp: "* ]]
	[ "$(lines 'select(.MESSAGE | test("THE SERVICE")) | [.PRIORITY, .SERVICE, .OLD, .NEW, .WHY] | join("|")')" = "2|$service|healthy|failed|0 of 1 backends are left" ]
	[ "$(lines 'select(.MESSAGE | test("ALL BACKENDS")).SERVICE')" = "$service" ]
	on lb grep -q "^lb: $service: THE SERVICE HAS FAILED" /run/watch.log
	on lb ip link set dev eth0 xdp off
	wait_for 20 on lb grep -q "comes on again" /run/journal
	[ "$(lines 'select(.DEVICE) | [.DEVICE, .OLD, .NEW] | join("|")' | tail -1)" = "eth0|none|xdp_l2dsr" ]
	on lb bash -c 'read -r pid </run/xdp-lb/watch/pid && kill $pid'
	wait_for 10 on lb bash -c '[[ ! -e /sys/class/net/lbprobe ]]'
}
