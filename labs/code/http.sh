#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# http: takes the program of step.sh to the playground of the NAT lab (labs/nat/setup.sh), in place of xdp_nat, and asks for
# a page eight times. labs/nat/setup.sh puts xdp_nat back.
# usage: [LAB=NAME] labs/code/http.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/code/code.sh
. labs/common/playground.sh
usage() {
	echo "usage: [LAB=NAME] labs/code/http.sh" >&2
	exit 2
}
[[ $# -eq 0 ]] || usage
[[ -e $step_work/bpf/step_nat.o ]] || die "there is no program yet; run labs/code/step.sh 8"
need_playground

on lb "$here/load.sh"
echo
# Ports that are far from each other: see section 9 of the lesson.
for port in 4{0..7}000; do
	echo -n "from port $port: "
	on client curl -sS --max-time 1 --local-port "$port" "$(url "$VIP")" 2>&1 | sed 's/ after [0-9]* ms.*//; s/ milliseconds.*//'
done
