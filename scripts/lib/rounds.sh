# shellcheck shell=bash disable=SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# rounds: how lb watch sends probes: in rounds, that is, all that is due at a moment, by one curl for up to 250 of them.
# Sourced by lb. A round is a process of its own, and says through the pipe `events` when it is over.

# begin_round N SECONDS: which is over after so many seconds, whatever has become of it.
begin_round() {
	ends[$1]=$((${now%.*} + $2 + 1))
	run_round "$1" {watching}>&- </dev/null &
}

# run_round N: all probes of a round, side by side. What they print goes to N.results.*
run_round() {
	local kind numbers n i words curls=0
	trap - INT TERM HUP EXIT PIPE
	while read -r kind numbers; do
		case $kind in
		curl)
			curls=$((curls + 1))
			# shellcheck disable=SC2086 # numbers
			run_curl "$1" "$curls" $numbers &
			;;
		run)
			for n in $numbers; do
				IFS=$'\t' read -r -a words <"$rounds/order.$n"
				for i in "${!words[@]}"; do printf -v "words[$i]" %b "${words[i]}"; done
				run_probe "${words[@]}" >>"$rounds/$1.results.run" 2>/dev/null &
			done
			;;
		esac
	done <"$rounds/$1.plan"
	wait
	find_matches "$1"
	echo "round $1" >&"$events"
}

# run_curl ROUND FILE N...: one curl for all these transfers.
run_curl() {
	local round=$1 file=$2 orders
	orders=("${@:3}")
	cat "${orders[@]/#/$rounds/order.}" | sed '$d' >"$rounds/$round.curl.$file" # there is no next after the last one
	in_road timeout -s KILL 3700 curl -q --parallel --parallel-immediate --parallel-max 250 -K "$rounds/$round.curl.$file" \
		>/dev/null 2>"$rounds/$round.results.$file"
}

# find_matches ROUND: which of the answers have the text in them that they shall have.
find_matches() {
	local kind text numbers n
	while IFS=$'\t' read -r text numbers; do
		[[ $text == "match "* ]] || continue
		printf -v text %b "${text#match }"
		for n in $numbers; do [[ ! -e $rounds/body.$n ]] || echo "$rounds/body.$n"; done |
			xargs -r grep -laF -e "$text" | sed 's/.*\./matched /' >>"$rounds/$1.results.match" || true
		for n in $numbers; do rm -f "$rounds/body.$n"; done
	done <"$rounds/$1.plan"
}

# results_of N...: what these rounds have found, as one line.
results_of() {
	local round
	printf 'results '
	for round; do
		cat "$rounds/$round".results.* 2>/dev/null || true
	done | tr '\n' '\t'
	echo
}

# end_rounds: those whose time is over are finished, too.
end_rounds() {
	local round
	for round in "${!ends[@]}"; do
		((${now%.*} <= ends[round])) || finish_round "$round"
	done
}

finish_round() {
	[[ -n ${ends[$1]-} ]] || return 0
	unset "ends[$1]"
	finished+=("$1")
}
