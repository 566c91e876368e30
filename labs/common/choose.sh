# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# For scripts that belong to no lab (tabs.sh, hint.sh, solve.sh): which playground is meant? The current directory is the repository.

# stop_here TEXT...: says it, and ends with status 1: as die of lab.sh, before a lab is known.
stop_here() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# choose_playground SCRIPT: sets LAB to the name of the playground that is meant: the only one that is up, or $LAB. If there is
# none, it names the SCRIPT of a lab that makes one. A playground is a lab that has a client.
choose_playground() {
	local up
	mapfile -t up < <(LAB='' scripts/node list 2>/dev/null | awk '$2 == "client" { print $1 }')
	if [[ -n ${LAB-} ]]; then
		[[ " ${up[*]} " == *" $LAB "* ]] ||
			stop_here "no playground named $LAB is up${up[*]:+ (but ${up[*]})}; run LAB=$LAB labs/ipip/$1, or that of another lab"
	else
		[[ ${#up[@]} -gt 0 ]] || stop_here "no playground is up; run labs/ipip/$1, or that of another lab, and then this again"
		[[ ${#up[@]} -eq 1 ]] || stop_here "several playgrounds are up (${up[*]}); say which: LAB=${up[0]} labs/${0##*/}"
		LAB=${up[0]}
	fi
	export LAB
}
