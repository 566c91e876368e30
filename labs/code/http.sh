#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# http: takes the program of step.sh to the playground of the NAT lab (labs/nat/setup.sh), in place of xdp_nat, and asks for
# a page eight times. labs/nat/setup.sh puts xdp_nat back.
# usage: [LAB=NAME] labs/code/http.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/code/code.sh
. labs/common/playground.sh
[[ $# -eq 0 ]] || usage
[[ -e $step_work/bpf/step_nat.o ]] || die "there is no program yet; run labs/code/step.sh 8"
need_playground

on lb "$here/load.sh"
echo
# Each request from a port of another block of 256: step 8 says why.
for block in {156..163}; do
	first=$((block * 256)) last=$((block * 256 + 255))
	echo -n "from a port of $first-$last: "
	on client curl -sS --max-time 1 --local-port "$first-$last" "$(url "$VIP")" 2>&1 |
		sed -E 's/ after [0-9]+ .*//' || exit 1
done
