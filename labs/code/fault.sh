#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# fault: what the simple program (step 8 of the lesson) does wrong. The same packets go to it and to bpf/xdp_nat.c, on a
# machine of its own.
# usage: labs/code/fault.sh NAME...      these faults
#        labs/code/fault.sh again NAME...   what the program in labs/code/work does now, which you may have mended; and
#                                       bpf/xdp_nat.c beside it, where something is otherwise
#        labs/code/fault.sh all
#        labs/code/fault.sh list
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/code/code.sh

# file NAME: of the fault with this name.
file() {
	local found=("$here"/faults/??-"$1".packets)
	[[ -e ${found[0]} ]] || die "there is no fault '$1'; labs/code/fault.sh list"
	echo "${found[0]}"
}

# try_program OPTION...: what the program does in all of the faults that are wanted, in the order of the lesson: the last one
# fills the table.
try_program() {
	local files=() name
	for name in "${names[@]}"; do
		[[ $wanted != *" $name "* ]] || files+=("$(file "$name")")
	done
	try_packets "$@" eth0 "${files[@]}"
}

mapfile -t names < <(printf '%s\n' "$here"/faults/*.packets | sed 's/.*[0-9]-//; s/\.packets$//')
again=
if [[ ${1-} == again ]]; then
	again=1
	shift
	[[ -e $step_work/bpf/step_nat.c ]] || die "there is no program yet; run labs/code/step.sh 8"
fi
case "$#:${1-}" in
0:*) usage ;;
1:list)
	for name in "${names[@]}"; do
		sed -nE "2s/^# (.*) \| (.*)/$name: \1 (\2)/p" "$(file "$name")"
	done
	exit
	;;
1:all) set -- "${names[@]}" ;;
esac
for name; do file "$name" >/dev/null; done
wanted=" $* "

# try_xdp_nat: bpf/xdp_nat.c in its place, and the same packets.
try_xdp_nat() {
	on_machine bash -ec '
		ip link set dev eth0 xdp off
		rm -f /sys/fs/bpf/xdp/globals/step_*
		scripts/lb attach nat eth0
		scripts/lb restore - <<-END
			service tcp 192.168.178.15:8000
			backend 192.168.178.11
			backend 192.168.178.12
			service tcp 192.168.178.15:8001
			backend 192.168.178.11
			service tcp 192.168.178.15:8002
			backend 172.20.0.20
			service tcp 192.168.178.15:8003
			backend 192.168.178.13
			service tcp 192.168.178.15:8004
			backend 192.168.178.11
			service tcp 192.168.178.15:8005
			backend 192.168.178.99
		END
		exec labs/code/neighbours.sh
	' >/dev/null
	try_program --section xdp_nat --label right
}

# try_mended: the reader's program; and where it does something else than the simple one, what xdp_nat does.
try_mended() {
	local before="otherwise now. Before" said changed name
	echo "$step_work/bpf/step_nat.c:"
	said=$(try_program --section step_nat --label wrong --routed --other "$before") || {
		echo "$said"
		return 1
	}
	echo "$said"
	changed=$(sed -n "s/^$before: //p" <<<"$said")
	[[ -n $changed ]] || return 0
	wanted=" "
	for name in "${names[@]}"; do
		! grep -qxFf - "$(file "$name")" <<<"$changed" || wanted+="$name "
	done
	echo "
bpf/xdp_nat.c does:"
	try_xdp_nat || return 1
	echo "
Is yours right, too? Compare what comes now with what xdp_nat does."
}

prepare
if [[ -n $again ]]; then
	build "$step_work" step_nat
else
	# in a folder of its own: the reader's program stays as it is
	export STEP_WORK=$work/simple
	labs/code/step.sh 8 write
fi
start_machine
on_machine "$here/load.sh" >/dev/null
if [[ -n $again ]]; then
	try_mended
	exit
fi
failed=0
echo "The simple program:"
try_program --section step_nat --label wrong || failed=1
echo "
bpf/xdp_nat.c:"
try_xdp_nat || failed=1
[[ $failed -eq 0 ]] || die "not all of it is as the lesson says; see 'not ok' above"
