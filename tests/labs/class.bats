#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# labs/class.sh: several playgrounds side by side.

load ../lib/helper

setup_file() {
	export CLASS=$LAB
}

teardown_file() {
	labs/class.sh down
}

# of N COMMAND...: on a node of the playground N.
of() {
	LAB=$CLASS-$1 scripts/node exec "${@:2}"
}

available() {
	awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo
}

@test "playgrounds are set up side by side, without any network of the host, and each of them works" {
	local before memory='; the 2 new ones took [0-9]+ MB of memory'
	before=$(available)
	run -0 unshare --net labs/class.sh up 2 l2dsr
	echo "$output"
	[ "$(grep -cE "^$CLASS-0[12] l2dsr: set up in [0-9]+ ms$" <<<"$output")" -eq 2 ]
	# of memory nothing may be said if others beside us have given more back meanwhile
	[[ $(available) -lt $before ]] || memory="($memory)?"
	[[ ${lines[-1]} =~ ^2\ of\ 2\ are\ up,\ in\ [0-9]+\ s$memory$ ]]
	run -0 labs/class.sh check
	[ "$(grep -cE "^$CLASS-0[12] l2dsr: ok, [0-9]+ facts$" <<<"$output")" -eq 2 ]
}

@test "who comes late gets one more, and the others keep what they have done" {
	of 01 client touch /run/mine
	of 02 lb sysctl -qw net.ipv4.ip_forward=0
	# not of the lab that they are of
	run -1 labs/class.sh up 2 nat
	[ "$(grep -cE "^$CLASS-0[12] l2dsr: FAILED: it is of another lab; " <<<"$output")" -eq 2 ]
	[[ $output == *"0 of 2 are up, in "* && $output != *memory* ]]
	run -0 labs/class.sh up 3
	echo "$output"
	grep -qx "$CLASS-01 l2dsr: up already" <<<"$output"
	grep -qE "^$CLASS-03 ipip: set up in " <<<"$output"
	of 01 client test -e /run/mine
	[ "$(of 02 lb cat /proc/sys/net/ipv4/ip_forward)" -eq 0 ]
}

@test "check says whose playground does not work, and why" {
	run -1 labs/class.sh check
	echo "$output"
	grep -qE "^$CLASS-01 l2dsr: ok, [0-9]+ facts$" <<<"$output"
	grep -q "^$CLASS-02 l2dsr: not ok: a request is answered: no answer; forwarding_off rose on lb" <<<"$output"
	grep -qE "^$CLASS-03 ipip: ok, [0-9]+ facts$" <<<"$output"
	[ "${lines[-1]}" = "class.sh: 1 of 3 not as it should be" ]
}

@test "down removes all of the class, and nothing else" {
	LAB=$CLASS-other scripts/node create client
	run -0 labs/class.sh down
	[[ $output =~ ^Removed\ 3\ playgrounds\ in\ [0-9]+\ s\.$ ]]
	run ! pgrep -f "xdp-lb-node:$CLASS-0"
	LAB=$CLASS-other scripts/node exec client true
	LAB=$CLASS-other scripts/node destroy --all
	run -0 labs/class.sh down
	[[ $output == "Removed 0 playgrounds in "* ]]
}

@test "what makes no sense is refused" {
	run -2 labs/class.sh
	[ "$output" = "usage: [CLASS=NAME] labs/class.sh up N [LAB] | check | down" ]
	run -2 labs/class.sh down now
	run -1 labs/class.sh up many
	[ "$output" = "class.sh: 'many' is no number of playgrounds; take 1 to 99" ]
	run -1 labs/class.sh up 2 common
	[[ $output == "class.sh: there is no lab 'common'; take one of "*" ipip l2dsr "* ]]
	run -1 labs/class.sh check
	[ "$output" = "class.sh: no playground of $CLASS is up; run labs/class.sh up N" ]
	CLASS=Mine run -1 labs/class.sh check
	[[ $output == "class.sh: CLASS=Mine is no name"* ]]
	run -1 as_nobody labs/class.sh down
	[ "$output" = "class.sh: only root can make playgrounds; try sudo labs/class.sh down" ]
}
