# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Plays with what labs/*/break.sh breaks: for the tests of the labs. FAULTS=all breaks every lab that a fault is for, not only the
# first one.

# read_fault FILE LAB: sets what the file of a fault says: number, title, noticed, shown, and the commands of its repair.
read_fault() {
	local words
	# shellcheck disable=SC2016 # expanded over there
	mapfile -t words < <(bash -c '. labs/common/lab.sh "$2" && . labs/common/playground.sh && . labs/common/faults.sh && . "$1" &&
		printf "%s\n" "$title" "$noticed" "$shown" && told=1 && repair | sed -n "s/^[a-z0-9-]*# //p"' - "$@")
	number=$(basename "$1" | sed 's/-.*//; s/^0//') name=$(basename "$1" .sh)
	title=${words[0]} noticed=${words[1]} shown=${words[2]} commands=("${words[@]:3}")
}

# faults_to_try LAB: the files of the faults that are tried in this lab.
faults_to_try() {
	local which='\b'
	[[ ${FAULTS-} == all ]] || which='[(]'
	grep -lE "^labs=.*$which$1\b" labs/faults/[0-9]*.sh
}

# hides TEXT: it does not say what is broken.
hides() {
	[[ $1 != *"$title"* ]]
	[[ $1 != *"$name"* ]]
}

# gives_hints: three, none of which has a command of the repair, or a setting of one.
# shellcheck disable=SC2154 # output is run's
gives_hints() {
	local i_th hints='' command word
	[ ${#commands[@]} -gt 0 ]
	for i_th in 1 2 3; do
		run -0 labs/hint.sh
		[[ $output == "Hint $i_th of 3: "?* ]]
		hints+="$output "
	done
	run -0 labs/hint.sh
	[[ $output == "There are no more than three."*"labs/solve.sh"* ]]
	for command in "${commands[@]}"; do
		[[ $hints != *"$command"* ]]
		for word in $command; do
			[[ $word != *=* || $hints != *"$word"* ]]
		done
	done
}

# plays FILE LAB: it is broken, noticed, hinted at, solved, and whole again.
# shellcheck disable=SC2154 # output and lines are run's
plays() {
	local number name title noticed shown commands
	echo "--- $1 in $2"
	read_fault "$@"
	run -0 labs/"$2"/break.sh "$number"
	hides "$output"
	run -1 labs/"$2"/check.sh --first
	echo "$output"
	[[ ${lines[-2]} == "not ok: "*"$noticed"*": "?* ]]
	[ "$(grep -c "^not ok" <<<"$output")" -eq 1 ]
	gives_hints
	run -0 labs/solve.sh
	echo "$output"
	[[ $output == "Fault $number: $title."*"$shown"*"The repair:"*"Why it matters: "*"It is repaired: "* ]]
	run -0 labs/"$2"/check.sh
	[[ $output != *"Whole again"* ]] # nobody has broken it any more
}

# plays_all LAB: each of them.
plays_all() {
	local file files
	files=$(faults_to_try "$1")
	for file in $files; do plays "$file" "$1"; done
}
