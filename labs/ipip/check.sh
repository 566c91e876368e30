#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# check: is the IPIP lab's playground as it should be? One line for each fact: "ok", or "not ok" with
# what was seen and where to look. Exit status 0 if all is ok, 1 if not.
# usage: [LAB=NAME] labs/ipip/check.sh [--first]    --first: no more than what is wrong first
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh ipip
. labs/common/playground.sh
begin_check "$@"

# Who unwraps: XDP, the kernel's ipip0, or nobody?
if on backend-01 test -e /sys/class/net/ipip0; then
	decap=kernel
elif on backend-01 test -e $maps/decap_stats; then
	decap=xdp
else
	fact "the backends unwrap packets" false ||
		seen "neither xdp_decap nor ipip0 on backend-01; run $say$lab/setup.sh"
	exit 1
fi

[[ $decap == kernel ]] || count_tunnel
ask
check_answers "$CLIENT"

fact "the load balancer forwards every packet of the requests ($(rose forwarded))" \
	[ "$(rose forwarded)" -ge $((4 * requests)) ] || seen "$(suspects)"
check_no_answers_pass_lb
check_no_bug
check_large
check_vip_answers_ping
if [[ $decap == xdp ]]; then
	check_all_unwrapped
	bugs=$(decap_packets bug)
	fact "the programs on the backends never aborted" [ "$bugs" -eq 0 ] ||
		seen "$bugs packets; scripts/node exec backend-01 scripts/lb decap stats"
fi

answers=$(who_answers gateway eth2 "$VIP")
fact "nobody in the backends' network answers $asks for the VIP" [ -z "$answers" ] ||
	seen "$answers; scripts/node exec backend-01 ip addr$arp_setting"

# Last, because it breaks the lab for a moment.
unwrap_on() {
	for backend in "${backends[@]}"; do
		if [[ $decap == kernel ]]; then
			on "$backend" ip link set ipip0 up
		else
			on "$backend" ip -force link set dev eth0 xdp obj bpf/xdp_decap.o sec xdp
		fi
	done
}
unwrap_off() {
	for backend in "${backends[@]}"; do
		if [[ $decap == kernel ]]; then
			on "$backend" ip link set ipip0 down
		else
			on "$backend" ip link set dev eth0 xdp off
		fi
	done
}
trap unwrap_on EXIT
unwrap_off
fact "without decapsulation a request fails" not request 1 ||
	seen "an answer; who unwraps it?"
trap - EXIT
unwrap_on
fact "and with it one is answered again" request 5 ||
	seen "no answer; $say$lab/setup.sh builds it again"

end_check
