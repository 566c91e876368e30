#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=alone
# The group lab: its own scripts, three load balancers, real connections. (On a machine that is busy with other tests, BFD
# finds dead what is only slow.)

load ../lib/helper
load ../lib/faults

vip=203.0.113.15

setup_file() {
	set_up_lab group
}

teardown_file() {
	labs/group/teardown.sh
}

# ways: by whom the router sends packets for the VIP.
ways() {
	on gateway ip -j route show $vip | jq -r '.[0] | .nexthops // [.] | map(.gateway | ltrimstr("192.168.178.")) | sort | join(" ")'
}
has_ways() {
	[ "$(ways)" = "$*" ]
}

@test "setup shows three ways to the VIP, and check.sh that all of them are used" {
	[ "$(grep -cE "^	nexthop via 192.168.178.1[1-3] dev eth0" "$BATS_FILE_TMPDIR/setup.out")" -eq 3 ]
	grep -q "Hello from backend-0[1-4]" "$BATS_FILE_TMPDIR/setup.out"
	labs/group/check.sh
}

@test "trace.sh shows the way of a request by one of them" {
	run -0 labs/group/trace.sh
	echo "$output"
	grep -qE "\*gateway +\*lb-0[1-3] " <<<"$output"
	grep -qE "\*192.168.178.1[1-3] > 172.16.0.1[0-3] " <<<"$output"
	[ "$(wc -l <<<"$output")" -eq 9 ]
}

@test "one load balancer drains, check.sh says so, another one dies: every request is answered" {
	local answers
	run -0 on lb-01 scripts/lb drain idle 1
	has_ways 12 13
	run -1 labs/group/check.sh
	[[ $output == *"not ok: gateway has a way to the VIP by each load balancer: 192.168.178.12 192.168.178.13; "* ]]
	[[ $output == *"not ok: lb-01 forwards some of the packets (0): none; "* ]]
	[ "$(grep -c "^not ok" <<<"$output")" -eq 2 ]
	on client curl -s --max-time 20 --rate 100/s "http://$vip:8000/?[1-400]" >"$BATS_TEST_TMPDIR/answers" 3>&- &
	wait_for 10 test -s "$BATS_TEST_TMPDIR/answers"
	on switch ip link set lb-02.eth0 down
	wait_for 10 has_ways 13
	wait $!
	answers=$(grep -c "^Hello from" "$BATS_TEST_TMPDIR/answers")
	[ "$answers" -eq 400 ]
	on switch ip link set lb-02.eth0 up
	on lb-01 scripts/lb drain off
	wait_for 60 has_ways 11 12 13
}

@test "the experiment: connections break when they come to a load balancer that does not know how it was when they began" {
	run -0 labs/group/experiment.sh 0
	echo "$output"
	# row TITLE: how many were broken without and with a second chance, and of a dead backend
	row() {
		sed -nE "s/^$1 +([0-9]+) +([0-9]+) +([0-9]+|-)$/\1 \2 \3/p" <<<"$output" | xargs
	}
	[ "$(row "no backend has changed; a load balancer dies")" = "0 0 -" ]
	[ "$(row "  and comes back")" = "0 0 -" ]
	[ "$(row "a backend is added")" = "0 0 -" ]
	[ "$(row "  and drains")" = "0 0 -" ]
	local title lost with own
	# 100 connections are younger than the change, a quarter of them on slots that have another backend, and half of those
	# move to another load balancer: 12, or so. Older ones break where a memory was lost.
	for title in "a backend was added; a load balancer dies" "a backend was added; a load balancer comes back" \
		"a backend was added; a load balancer reboots" "the members differ, and one dies"; do
		read -r lost with _ < <(row "$title")
		[ "$lost" -ge 1 ]
		[ "$lost" -le 100 ]
		[ "$with" -eq 0 ]
	done
	read -r lost with own < <(row "a backend dies")
	[ "$lost $with" = "0 0" ]
	[ "$own" -ge 20 ]
	# drawn, too
	grep -qE "^a backend dies +#{10,}$" <<<"$output"
	grep -qE "^a backend was added; a load balancer reboots +-+$" <<<"$output"
	# and afterwards all is well
	labs/group/check.sh
}

@test "every command of the lesson works" {
	sed -n 's/^# \(scripts\/node exec .*\)$/\1/p' labs/group/README.md >"$BATS_TEST_TMPDIR/commands"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -ge 10 ]
	run -0 bash -e -x "$BATS_TEST_TMPDIR/commands"
	echo "$output"
	[[ $output == *"lb watch has withdrawn the VIPs"*"this machine is idle: no packet for 2 s"*"via 192.168.178.12 "* ]]
	[ "$(grep -c "^Hello from" <<<"$output")" -eq 40 ]
	sleep 2 # BFD may notice only now that a cable was out for a moment
	wait_for 60 has_ways 11 12 13
}

@test "every fault of labs/faults is noticed, hinted at, explained and repaired" {
	plays_all group
}

@test "a word that the scripts do not know is refused" {
	run -2 labs/group/experiment.sh soon
	[[ $output == "usage: [LAB=NAME] labs/group/experiment.sh [SECONDS]"* ]]
	run -2 labs/group/check.sh now
	run -1 env FAMILY=6 labs/group/setup.sh
	[[ $output == *"the lab has no IPv6 addresses"* ]]
}
