#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Broken on purpose: every fault of labs/faults is noticed, hinted at, explained, and repaired.
# (Those of health and group are in the files of these labs.)

load ../lib/helper
load ../lib/faults

teardown() {
	labs/nat/teardown.sh >/dev/null # whatever lab it was
}

# break.sh sets up the lab, if there is none yet.

@test "ipip: every fault is noticed, hinted at, solved, and then check.sh finds nothing wrong" {
	plays_all ipip
}

@test "nat: every fault" {
	plays_all nat
}

@test "tunnels: every fault" {
	plays_all tunnels
}

@test "maglev: every fault" {
	plays_all maglev
}

@test "l2dsr: every fault; what the lesson shows; a random one; and what cannot be done is refused" {
	run tests/lib/lesson.py labs/faults/README.md "One of them" "Two puzzles"
	echo "$output"
	[ "$status" -eq 0 ]
	# of the method: kernels count, too
	run -0 on lb bash -c "$(sed -n 's/.*`\(nstat [^`]*\)`.*/\1/p' labs/faults/README.md)"
	[[ $output == *IpInReceives* && $output != *" 0  "* ]]
	plays_all l2dsr

	# another repair than that of solve.sh counts, too: here the gateway computes what the client leaves to it
	labs/l2dsr/break.sh 7
	on gateway ethtool -K eth0 tx off
	run -0 labs/l2dsr/check.sh
	[[ $output == *"Whole again. "* ]]

	# repaired, so it may be broken again, by one that nobody has found yet; but not twice
	run -0 labs/solve.sh
	[[ $output == *"You have found "*" of the "*" faults of this lab."* ]]
	on switch bash -c 'seq 2 20 >/run/xdp-lb-fault/found'
	run -0 labs/l2dsr/break.sh
	[ "$(on switch cat /run/xdp-lb-fault/file)" = labs/faults/21-wrong_bind.sh ]
	run -1 labs/l2dsr/check.sh --first
	# what is wrong, but not where to look
	[[ ${lines[-2]} == "not ok: "* && ${lines[-2]} != *"; "* && ${lines[-1]} == "Where to look is left out"*labs/hint.sh* ]]
	labs/solve.sh 3>&-
	on switch rm /run/xdp-lb-fault/found
	run -0 labs/l2dsr/break.sh
	[[ $output == "Something is broken in this playground now."* ]]
	read_fault "$(on switch cat /run/xdp-lb-fault/file)" l2dsr
	hides "$output"
	run -1 labs/l2dsr/break.sh 2
	[[ $output == "break.sh: this playground is broken already; "*"labs/solve.sh repairs it" ]]
	labs/solve.sh 3>&-

	run -1 labs/l2dsr/break.sh 99
	[[ $output == "break.sh: labs/l2dsr has no fault 99; it has 2 3 4 "* ]]
	run -1 labs/l2dsr/break.sh 1 # of other labs
	run -2 labs/l2dsr/break.sh first
	[[ $output == "usage: [LAB=NAME] labs/l2dsr/break.sh [N]"* ]]
	run -2 labs/hint.sh now
	run -2 labs/solve.sh now
	run -1 labs/hint.sh
	[ "$output" = "hint.sh: nobody has broken the playground $LAB; LAB=$LAB labs/l2dsr/break.sh would" ]
	run -1 labs/solve.sh
	on client bash -c 'mkdir -p /run/xdp-lb && echo 6 >/run/xdp-lb/family'
	run -1 labs/l2dsr/break.sh 2
	[[ $output == "break.sh: this playground was set up with FAMILY=6; the faults are for FAMILY=4: "* ]]
}

@test "every lab can be broken, and the guide lists what --list lists" {
	local lab file
	for file in labs/*/setup.sh; do
		lab=${file%/setup.sh}
		[ "$(readlink "$lab/break.sh")" = ../common/break.sh ]
		run -0 "$lab/break.sh" --list
		diff <(echo "$output") <(awk -F ' *[|] *' -v lab="${lab#labs/}" \
			'/^## The faults/ { on = 1 } /^## One/ { on = 0 } on && $2 ~ /^[0-9]+$/ && index(" " $3 " ", " " lab " ") { printf "%2d  %s\n", $2, $4 }' \
			labs/faults/README.md)
	done
	run -0 sed -n 's/^| \([0-9]*\) | .*/\1/p' labs/faults/README.md
	[ "$output" = "$(seq "$(find labs/faults -name '[0-9]*.sh' | wc -l)")" ]
	# for teachers
	grep -qF "awk 'FNR == 3' labs/faults/[0-9]*.sh" labs/faults/README.md
	[ "$(awk 'FNR == 3' labs/faults/[0-9]*.sh | grep -c '^# [A-Z].*[.]$')" -eq "$(wc -l <<<"$output")" ]
}

@test "a script that is run in the wrong place says where it belongs, and touches nothing" {
	set_up_lab nat
	run -1 labs/ipip/check.sh
	[ "$output" = "check.sh: the playground $LAB is of the lab nat: run LAB=$LAB labs/nat/check.sh" ]
	run -1 labs/l2dsr/break.sh 3
	[ "$output" = "break.sh: the playground $LAB is of the lab nat: run LAB=$LAB labs/nat/break.sh" ]
	run -1 on lb labs/nat/check.sh
	[[ $output == "check.sh: this is the machine lb; check.sh runs on the host of the playground"* ]]
	LAB=$LAB-other run -1 labs/nat/trace.sh
	[[ $output == "trace.sh: no playground named $LAB-other is up (but "*"$LAB"*"); run LAB=$LAB-other labs/nat/setup.sh, or say which: LAB="*" labs/nat/trace.sh" ]]
	labs/nat/check.sh
}

@test "without a playground, hint.sh and solve.sh say what to do" {
	run -1 labs/hint.sh
	[[ $output == "hint.sh: "*"labs/ipip/break.sh"* ]]
	run -1 labs/solve.sh
	[[ $output == "solve.sh: "*"labs/ipip/break.sh"* ]]
}
