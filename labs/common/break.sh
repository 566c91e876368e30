#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# break: breaks the playground of a lab on purpose, and does not say how; sets it up first if it is not there. N is the number
# of a fault; without it, it is a random one of this lab's. labs/faults/README.md says how to play. Every lab has a link to
# this file.
# usage: [LAB=NAME] labs/*/break.sh [N]
# usage: labs/*/break.sh --list    numbers and titles of this lab's faults
set -euo pipefail
folder=$(cd "$(dirname "$0")" && pwd) # of the link, and so of the lab
cd "$folder/../.."
. labs/common/lab.sh "${folder##*/}"
. labs/common/playground.sh
. labs/common/faults.sh

# choose [N]: sets file to that of a fault of this lab: without N, one that was not found in this playground yet.
choose() {
	local all left=() found
	mapfile -t all < <(faults_of "${lab##*/}")
	[[ ${#all[@]} -gt 0 ]] || die "this lab has no faults; see labs/faults/README.md"
	if [[ -z ${1-} ]]; then
		found=$(kept found) || found=
		for file in "${all[@]}"; do
			grep -qx "$(number_of "$file")" <<<"$found" || left+=("$file")
		done
		[[ ${#left[@]} -gt 0 ]] || left=("${all[@]}")
		file=${left[RANDOM % ${#left[@]}]}
		return
	fi
	for file in "${all[@]}"; do
		[[ $(number_of "$file") != "$1" ]] || return 0
	done
	die "$lab has no fault $1; it has $(list_faults "${lab##*/}" | awk '{ print $1 }' | xargs)"
}

# can_be_broken: refuses what cannot be broken, before anything is touched.
can_be_broken() {
	! role_of "$HOSTNAME" >/dev/null || die "this machine is $HOSTNAME of a lab; break one in namespaces, on another host"
	[[ $EUID -eq 0 ]] || die "only root can do that; try sudo $0"
	playground_is_up || return 0
	need_playground
	[[ $FAMILY == 4 ]] || die "this playground was set up with FAMILY=$FAMILY; the faults are for FAMILY=4: run $say$lab/setup.sh"
	if kept file >/dev/null && ! kept repaired >/dev/null; then
		die "this playground is broken already; $say$lab/check.sh says whether it is repaired, and $(say_which)labs/solve.sh repairs it"
	fi
}

[[ $# -le 1 ]] || usage
case ${1-} in
--list)
	list_faults "${lab##*/}"
	exit
	;;
'' | [0-9] | [0-9][0-9]) ;;
*) usage ;;
esac
choose "${1+$((10#$1))}"
can_be_broken
if ! playground_is_up; then
	echo "No playground is up yet: running $say$lab/setup.sh ..."
	said=$(FAMILY=4 "$lab/setup.sh" 2>&1) || die "that failed:"$'\n'"$said"
	need_playground
fi
forget_fault
read_fault "$file"
keep lab "${lab##*/}"
keep file "$file"
set +e # so that a failure can be told; inside, the first one ends it
said=$(set -e && break_it 2>&1)
worked=$?
set -e
[[ $worked -eq 0 ]] || die "that did not work as it should; $say$lab/setup.sh builds the playground again. It said:"$'\n'"$said"
which=$(say_which)
cat <<END
Something is broken in this playground now. Find out what, and repair it on the machine where it is.

  $say$lab/check.sh
        what is not as it should be? (--first: it stops there)
  $say$lab/trace.sh
        how far does a packet come?
  ${which}labs/hint.sh
        a hint; there are three
  ${which}labs/solve.sh
        repairs it, and explains
END
