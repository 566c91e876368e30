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

# normal: times, numbers and blanks are no matter, but 0 is; neither is the playground's name.
normal() {
	sed -E "s/LAB=$LAB //g; s/^[0-9]{2}:[0-9:.]{10,}/TIME/; s/\b[1-9][0-9]*\b/N/g; s/0x?[0-9a-f]{2,}/N/g; s/ +/ /g; s/^ //; s/ $//"
}

# does_what_it_says TEXT: runs its commands (lines that begin with "# "), and compares what they print with the lines below
# them. "..." is whatever else they print.
does_what_it_says() {
	local line expected='' command='' count=0
	while IFS= read -r line; do
		if [[ $line == "# "* || $line == '```' ]]; then
			[[ -z $command ]] || prints "$command" "$expected"
			[[ -z $command ]] || count=$((count + 1))
			command=${line#\# } expected=''
			[[ $line != '```' ]] || command=
		else
			expected+=$line$'\n'
		fi
	done <<<"$1"
	[ "$count" -ge 4 ]
}

# prints COMMAND EXPECTED
prints() {
	local printed line
	echo "# $1"
	printed=$(bash -c "$1" 2>&1 3>&-) || true
	echo "$printed"
	if [[ $2 != *...* ]]; then
		diff <(echo -n "$2" | normal) <([[ -z $printed ]] || normal <<<"$printed")
		return
	fi
	while IFS= read -r line; do
		[[ $line == ... ]] || normal <<<"$printed" | grep -xF -- "$(normal <<<"$line")"
	done < <(echo -n "$2")
}

@test "l2dsr: every fault; what the lesson shows; a random one; and what cannot be done is refused" {
	does_what_it_says "$(sed -n '/^## One of them/,/^## Two/p' labs/faults/README.md)"
	does_what_it_says "$(sed -n '/^## Two/,/^## One more/p' labs/faults/README.md)"
	# of the method: kernels count, too
	run -0 on lb bash -c "$(sed -n 's/.*`\(nstat [^`]*\)`.*/\1/p' labs/faults/README.md)"
	[[ $output == *IpInReceives* && $output != *" 0  "* ]]
	plays_all l2dsr

	# another repair than that of solve.sh counts, too: here the gateway computes what the client leaves to it
	labs/l2dsr/break.sh 7
	on gateway ethtool -K eth0 tx off
	run -0 labs/l2dsr/check.sh
	[[ $output == *"Whole again. "* ]]

	# repaired, so it may be broken again; but not twice
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
	[[ $output == "hint.sh: nobody has broken the playground $LAB; "* ]]
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

@test "without a playground, hint.sh and solve.sh say what to do" {
	run -1 labs/hint.sh
	[[ $output == "hint.sh: "*"labs/ipip/break.sh"* ]]
	run -1 labs/solve.sh
	[[ $output == "solve.sh: "*"labs/ipip/break.sh"* ]]
}
