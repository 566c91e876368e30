# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Broken on purpose: what break.sh, hint.sh and solve.sh share. Sourced after playground.sh, or by find_fault.
#
# A fault is a file, labs/faults/NUMBER-NAME.sh. It says, in this order:
#   labs       which labs it is for
#   title      what somebody notices who does not know the cause
#   noticed    the fact of check.sh that is not so (a part of its text)
#   shown      what evidence shows while it is broken (a part of its text)
#   hints      three of them, from vague to near, and never the command
#   break_it   a function that breaks the playground, and prints nothing
#   evidence   a function: how it could have been found. `look NODE COMMAND` for each command that shows it
#   repair     a function: `fix NODE COMMAND` for each command that repairs it; they may run on a lab that is whole
#   story      a function that prints what it was, and why it matters

. labs/common/choose.sh

# number_of FILE: 3 of labs/faults/03-no_vip.sh.
number_of() {
	local number=${1##*/}
	echo $((10#${number%%-*}))
}

# read_fault FILE: sets what it says.
read_fault() {
	number=$(number_of "$1")
	# shellcheck source=labs/faults/01-strict_filter.sh
	. "$1"
}

# is_for LAB: whether the fault that was read is one of this lab's.
is_for() {
	[[ " ${labs[*]} " == *" $1 "* ]]
}

# faults_of LAB: the files of its faults, a line each.
faults_of() {
	local file
	for file in labs/faults/[0-9]*.sh; do
		(read_fault "$file" && is_for "$1" && echo "$file") || true
	done
}

# list_faults LAB: for teachers.
list_faults() {
	local file
	for file in $(faults_of "$1"); do
		(read_fault "$file" && printf '%2d  %s\n' "$number" "$title")
	done
}

# ---- The fault of a playground: which one it is, the switch knows ----

# keep NAME TEXT: keeps something about the fault of this playground.
keep() {
	# shellcheck disable=SC2016 # expanded over there
	on switch bash -c 'mkdir -p "$1" && echo "$3" >"$1/$2"' - "$fault_state" "$@"
}

# kept NAME: prints it; false if there is nothing.
kept() {
	on switch cat "$fault_state/$1" 2>/dev/null
}

# forget_fault: there is none any more. Which ones were found (file found, a number in each line) stays.
forget_fault() {
	# shellcheck disable=SC2016 # expanded over there
	on switch bash -c 'cd "$1" && rm -f lab file given repaired' - "$fault_state" 2>/dev/null || true
}

# note_found: the fault counts as found; prints how many are.
note_found() {
	local found
	found=$({ kept found || true; } | {
		cat
		echo "$number"
	} | sort -nu)
	keep found "$found"
	echo "You have found $(wc -l <<<"$found") of the $(faults_of "${lab##*/}" | wc -l) faults of this lab."
}

# find_fault ARGUMENT...: for scripts that belong to no lab, and take no arguments: finds the playground (the one that is up, or $LAB) and its fault, and reads
# the lab, and the fault. Sets given to how many hints there have been, and told to 1 if it is repaired already.
# shellcheck disable=SC2034 # for whoever sources this
find_fault() {
	local state lab_name file
	[[ $# -eq 0 ]] || {
		sed -n '/^# usage/s/^# //p' "labs/${0##*/}" >&2
		exit 2
	}
	[[ $EUID -eq 0 ]] || stop_here "only root can look into a playground; try sudo labs/${0##*/}"
	choose_playground break.sh
	# shellcheck disable=SC2016 # expanded over there
	state=$(scripts/node exec switch bash -c 'cd /run/xdp-lb-fault && cat lab file && { cat given || echo 0; } && ls repaired' 2>/dev/null) || true
	lab_name=$(scripts/node exec client cat /run/xdp-lb/lab 2>/dev/null) || lab_name=ipip
	[[ -n $state ]] || stop_here "nobody has broken the playground $LAB; $([[ $LAB == "$lab_name" ]] || echo "LAB=$LAB ")labs/$lab_name/break.sh would"
	{
		read -r lab_name
		read -r file
		read -r given
		read -r told || told=
	} <<<"$state"
	FAMILY=4
	. labs/common/lab.sh "$lab_name"
	. labs/common/playground.sh
	read_fault "$file"
}

# ---- What the files of the faults use ----

# look NODE COMMAND: shows a command as it would be typed there, and what it prints; if told is set, the command alone.
look() {
	echo "$1# $2"
	[[ -n ${told-} ]] || on "$1" bash -c "$2" || true
}

# fix NODE COMMAND: the same for a command of the repair.
fix() {
	echo "$1# $2"
	[[ -n ${told-} ]] || on "$1" bash -c "$2"
}

# ask_some: eight requests, so that something is counted.
ask_some() {
	[[ -n ${told-} ]] || at_once 8 1 >/dev/null
}

# feel_it: what lb keeps for a second or two about the ways to its backends, it shall ask for anew.
feel_it() {
	on lb scripts/lb refresh >/dev/null 2>&1 || true
}

# reload_decap NODE: xdp_decap asks anew whom it may trust.
reload_decap() {
	on "$1" ip -force link set dev eth0 xdp obj bpf/xdp_decap.o sec xdp
}
