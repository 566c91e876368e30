#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# load: on a load balancer: loads the program of step.sh, and tells it the backends. step.sh and http.sh call it there.
# usage: labs/code/load.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/code/code.sh
[[ $# -eq 0 ]] || usage

rm -f "$maps"/step_* # those of an earlier step
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run ip -force link set dev eth0 xdp obj "$step_work/bpf/step_nat.o" sec xdp 2>"$log" || {
	grep -v '^libbpf' "$log" | tail -20
	die "the kernel refuses the program; the verifier says why, in the last lines above"
}
[[ -e $maps/step_backends ]] || exit 0 # the first steps have no maps
for i in "${!BACKENDS[@]}"; do
	# shellcheck disable=SC2046,SC2086 # bytes
	run bpftool map update pinned "$maps/step_backends" key $(u32 "$i") value ${BACKENDS[i]//./ }
done
