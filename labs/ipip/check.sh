#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# check: is the IPIP lab's playground as it should be? One line for each fact: "ok", or "not ok" with
# what was seen and where to look. Exit status 0 if all is ok, 1 if not.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/lab.sh
# shellcheck source=labs/ipip/lab.env
. "${LAB_ENV:-labs/ipip/lab.env}"
export LAB=${LAB:-ipip}
playground_is_up || die "no playground is up; run labs/ipip/setup.sh"
mapfile -t backends < <(backend_names)
requests=$((20 * ${#backends[@]}))

# lb_packets VERDICT, decap_packets NODE VERDICT: a counter.
lb_packets() {
	on lb scripts/lb --json stats | jq ".[] | select(.name == \"$1\").packets"
}
decap_packets() {
	on "$1" scripts/lb --json decap stats 2>/dev/null | jq ".[] | select(.name == \"$2\").packets"
}
decapsulated() {
	local backend sum=0
	for backend in "${backends[@]}"; do
		sum=$((sum + $(decap_packets "$backend" decapsulated)))
	done
	echo $sum
}

# By whom is it unwrapped: by XDP, or by the kernel's ipip0?
decap=xdp
on "${backends[0]}" test ! -e /sys/class/net/ipip0 || decap=kernel

forwarded=$(lb_packets forwarded) not_ours=$(lb_packets not_ours)
[[ $decap == kernel ]] || unwrapped=$(decapsulated)
answers=$(on client curl -s --max-time 5 "http://$VIP:$PORT/?[1-$requests]") || true
forwarded=$(($(lb_packets forwarded) - forwarded)) not_ours=$(($(lb_packets not_ours) - not_ours))

got=$(grep -c Hello <<<"$answers") || true
fact "all $requests requests of the client were answered" [ "$got" -eq "$requests" ] ||
	seen "$got answers; where did the packets go? scripts/node exec lb scripts/lb stats"

for backend in "${backends[@]}"; do
	got=$(grep -c "$backend" <<<"$answers") || true
	fact "$backend served some of them ($got)" [ "$got" -gt 0 ] ||
		seen "none; scripts/node exec lb scripts/lb service show"
	fact "$backend saw the client's own address, $CLIENT" on "$backend" grep -q "^$CLIENT " /run/xdp-lb/http.log ||
		seen "scripts/node exec $backend tail /run/xdp-lb/http.log"
done

fact "the load balancer forwarded every packet of the requests ($forwarded)" [ "$forwarded" -ge $((4 * requests)) ] ||
	seen "$forwarded packets; scripts/node exec lb scripts/lb stats"
if [[ $decap == xdp ]]; then
	unwrapped=$(($(decapsulated) - unwrapped))
	fact "and the backends unwrapped as many" [ "$unwrapped" -eq "$forwarded" ] ||
		seen "$unwrapped of $forwarded; scripts/node exec ${backends[0]} scripts/lb decap stats"
fi
fact "but it saw none of the answers (other packets: $not_ours)" [ "$not_ours" -lt "$requests" ] ||
	seen "$not_ours packets passed by it; scripts/node exec lb tcpdump -ni eth0"

bugs=$(lb_packets bug)
if [[ $decap == xdp ]]; then
	for backend in "${backends[@]}"; do bugs=$((bugs + $(decap_packets "$backend" bug))); done
fi
fact "no program aborted" [ "$bugs" -eq 0 ] ||
	seen "$bugs packets with XDP_ABORTED; scripts/node exec lb scripts/lb stats"

# shellcheck disable=SC2317 # called by fact, as its arguments
arp_answer() {
	on gateway arping -q -c 2 -w 1 -I eth2 "$VIP"
}
fact "nobody in the backends' network answers ARP for the VIP" not arp_answer ||
	seen "an answer; scripts/node exec ${backends[0]} sysctl net.ipv4.conf.eth0.arp_ignore"

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
# shellcheck disable=SC2317
request() {
	on client curl -s -o /dev/null --max-time "$1" "http://$VIP:$PORT/"
}
fact "without decapsulation a request fails" not request 1 ||
	seen "an answer; who unwraps it?"
trap - EXIT
unwrap_on
fact "and with it one is answered again" request 5 ||
	seen "no answer; labs/ipip/setup.sh starts afresh"

exit "$failed"
