#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# class: many playgrounds on one machine, one for each participant of a workshop: class-01, class-02 and so on.
#
#   class.sh up N [LAB]    sets up N playgrounds of a lab (ipip, if not said). Those that are up stay as they are, but
#                          if a LAB is said, they must be of that lab
#   class.sh check         runs check.sh in each of them: who has a working load balancer?
#   class.sh down          removes all of them
#
# A participant opens one by LAB=class-07 labs/tabs.sh. Several are worked on at once, as many as there are CPUs.
# CLASS=name gives the playgrounds another name.
#
# usage: [CLASS=NAME] labs/class.sh up N [LAB] | check | down
# Exit status: 0 all is well, 1 refused, or not all is well, 2 usage.
set -euo pipefail
cd "$(dirname "$0")/.."

CLASS=${CLASS:-class}
unset LAB_ENV

die() {
	echo "class.sh: $*" >&2
	exit 1
}

usage() {
	sed -n '/^# usage/s/^# //p' "$0" >&2
	exit 2
}

# playgrounds: those of the class, a name in each line.
playgrounds() {
	LAB='' scripts/node list 2>/dev/null | cut -d' ' -f1 | grep -xE "$CLASS-[0-9]{2}" | sort -u || true
}

# lab_of PLAYGROUND: as its setup.sh has told the client; nothing if the client is gone.
lab_of() {
	LAB=$1 scripts/node exec client cat /run/xdp-lb/lab 2>/dev/null || true
}

# each FUNCTION: for every name on stdin, so many at a time as there are CPUs. Sets failed to how many of them failed.
each() {
	local name running=0
	failed=0
	while read -r name; do
		if ((running == $(nproc))); then
			wait -n || failed=$((failed + 1))
			running=$((running - 1))
		fi
		"$1" "$name" </dev/null &
		running=$((running + 1))
	done
	while ((running > 0)); do
		wait -n || failed=$((failed + 1))
		running=$((running - 1))
	done
}

# up_one PLAYGROUND: its line.
up_one() {
	local said started=${EPOCHREALTIME/[.,]/} there
	there=$(lab_of "$1")
	if [[ -n $there && $there != "${wanted:-$there}" ]]; then
		echo "$1 $there: FAILED: it is of another lab; remove it first: LAB=$1 labs/$there/teardown.sh (all of them: labs/class.sh down)"
		return 1
	elif [[ -n $there ]]; then
		echo "$1 $there: up already"
	elif said=$(LAB=$1 "labs/$lab/setup.sh" 2>&1); then
		echo "$1 $lab: set up in $(((${EPOCHREALTIME/[.,]/} - started) / 1000)) ms"
	else
		echo "$1 $lab: FAILED: $(tail -1 <<<"$said")"
		return 1
	fi
}

check_one() {
	local said there
	there=$(lab_of "$1")
	if [[ -z $there ]]; then
		echo "$1: not ok: no client is up"
		return 1
	elif said=$(LAB=$1 "labs/$there/check.sh" 2>&1); then
		echo "$1 $there: ok, $(grep -c ^ok <<<"$said") facts"
	else
		echo "$1 $there: $(grep -m1 '^not ok' <<<"$said" || tail -1 <<<"$said")"
		return 1
	fi
}

# down_one PLAYGROUND: with the tabs that somebody may have open.
down_one() {
	! command -v tmux >/dev/null || tmux -L "xdp-lb-$1" kill-server 2>/dev/null || true
	rm -f "${TMUX_TMPDIR:-/tmp}/tmux-$EUID/xdp-lb-$1"
	LAB=$1 scripts/node destroy --all
}

# available: memory in MB that programs could have.
available() {
	awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo
}

up() {
	local n=$1 before taken were wanted=${2-}
	lab=${2-ipip}
	[[ $n =~ ^[1-9][0-9]?$ ]] || die "'$n' is no number of playgrounds; take 1 to 99"
	[[ -x labs/$lab/setup.sh ]] || die "there is no lab '$lab'; take one of $(printf '%s\n' labs/*/setup.sh | cut -d/ -f2 | xargs)"
	scripts/deps lab
	make --silent all # or each of them would, at the same moment
	before=$(available) were=$(playgrounds | wc -l)
	each up_one < <(seq -f "$CLASS-%02g" "$n")
	taken=$((before - $(available)))
	were=$(($(playgrounds | wc -l) - were))
	echo "$((n - failed)) of $n are up, in $SECONDS s$( ((were <= 0 || taken <= 0)) || echo "; the $were new ones took $taken MB of memory")"
	((failed == 0)) || die "$failed failed; the lines above say which, and why"
}

check() {
	[[ -n $(playgrounds) ]] || die "no playground of $CLASS is up; run labs/class.sh up N"
	each check_one < <(playgrounds)
	((failed == 0)) || die "$failed of $(playgrounds | wc -l) not as it should be"
}

down() {
	local n
	n=$(playgrounds | wc -l)
	each down_one < <(playgrounds)
	[[ -z $(playgrounds) ]] || die "some are still there: $(playgrounds | xargs)"
	echo "Removed $n playgrounds in $SECONDS s."
}

[[ $CLASS =~ ^[a-z][a-z0-9-]*$ ]] || die "CLASS=$CLASS is no name; take a-z, 0-9 and -"
case "${1-} $#" in
"up 2" | "up 3" | "check 1" | "down 1") ;;
*) usage ;;
esac
[[ $EUID -eq 0 ]] || die "only root can make playgrounds; try sudo $0 $*"
"$@"
