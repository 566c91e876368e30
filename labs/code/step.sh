#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# step: writes, builds and tries the program of one step of the lesson (labs/code/README.md). It shows what is new in the
# step, and sends packets to the program, on a machine of its own. The program is labs/code/work/step/bpf/step_nat.c: edit
# it, and say "again" to try your own. `http.sh` takes it to the playground of the NAT lab.
# usage: labs/code/step.sh N            step N, as it is in the lesson
#        labs/code/step.sh N again      what is in labs/code/work now, with the packets of step N
#        labs/code/step.sh N write      only writes and builds the program
#        labs/code/step.sh list
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/code/code.sh

steps=("$here"/steps/*.diff)

# title DIFF: what the first lines of the file say of it.
title() {
	sed -n '2s/^# //p' "$1"
}

# write N: the program, as it is after step N. One that the reader has changed is kept.
write() {
	local diff old
	if [[ -e $step_work/as_written.c ]] && ! cmp -s "$step_work/as_written.c" "$step_work/bpf/step_nat.c"; then
		old=$step_work.$(date +%H%M%S)
		rm -rf "$old" # of this very second
		mv "$step_work" "$old"
		echo "What you have written is kept in $old/bpf/step_nat.c."
	fi
	rm -rf "$step_work"
	mkdir -p "$step_work/bpf"
	for diff in "${steps[@]::$1}"; do
		patch --silent --no-backup-if-mismatch -p1 -d "$step_work/bpf" <"$diff" || die "$diff does not fit; is it changed? git status says"
	done
	cp "$step_work/bpf/step_nat.c" "$step_work/as_written.c"
}

case "$#:${1-}:${2-}" in
1:list:)
	for i in "${!steps[@]}"; do echo "$((i + 1))  $(title "${steps[i]}")"; done
	exit
	;;
1:[1-9]: | 2:[1-9]:again | 2:[1-9]:write) ;;
*) usage ;;
esac
[[ $1 -le ${#steps[@]} ]] || die "there is no step $1; there are ${#steps[@]}: labs/code/step.sh list"
diff=${steps[$1 - 1]}
options=()

prepare
case ${2-} in
again)
	[[ -e $step_work/bpf/step_nat.c ]] || die "there is no program yet; run labs/code/step.sh $1"
	options=(--routed) # a reader who counts down the TTL is right
	echo "$step_work/bpf/step_nat.c, with the packets of step $1: $(title "$diff")"
	;;
write)
	write "$1"
	build "$step_work" step_nat
	exit
	;;
*)
	write "$1"
	echo "Step $1: $(title "$diff")"
	echo
	sed -n '/^@@/,$p' "$diff"
	;;
esac
echo
build "$step_work" step_nat
start_machine
on_machine "$here/load.sh"
echo
try_packets "${options[@]}" eth0 "${diff%.diff}.packets" || {
	echo "
Not as it should be. The program is $step_work/bpf/step_nat.c; labs/code/step.sh $1 writes it anew."
	exit 1
}
