#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2046 # the encoders print the words that bpftool takes
# The load balancer of the L2 DSR lab, by hand: what `scripts/lb` does for daily work.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh l2dsr

why "the program asks the kernel for routes, and the kernel answers only if it may forward"
run sysctl -qw "${forwarding[@]}"

why "the VIP is ours: we answer $asks for it"
run ip addr replace "$VIP/$vip_bits" dev eth0 "${nodad[@]}"

why "XDP cannot ask for a MAC address and wait: the kernel must always know those of the next hops"
for address in "${BACKENDS[@]}"; do
	run ip neigh replace "$address" dev eth0 managed
	wait_for 5 knows_neighbour "$address"
done

why "load the program; its maps appear under $maps"
run ip -force link set dev eth0 xdp obj bpf/xdp_l2dsr.o sec xdp

why "who we are: address, 32 random bytes of hash key, and flags:" \
	"1, debug, writes a line about each packet to 'bpftool prog tracelog' (see also: scripts/lb trace);" \
	"and for how many seconds connections are learned after a change of slots"
run bpftool map update pinned $maps/load_balancer key $(u32 0) \
	value $(load_balancer "$LB4" "$(random_hash_key)" debug "$DEFAULT_WINDOW" "$LB6")

why "the backends: id 1 and so on, each of them for service 1"
for i in "${!BACKENDS[@]}"; do
	run bpftool map update pinned $maps/backends key $(u32 $((i + 1))) \
		value $(backend "${BACKENDS[i]}" "$PORT" 1)
done

why "the slots, two in each element: a packet whose hash falls on slot i goes to backend i + 1"
for ((i = 0; i < ${#BACKENDS[@]}; i += 2)); do
	run bpftool map update pinned $maps/slots key $(u32 $((i / 2))) value $(slot_pair $((i + 1)) $((i + 2)))
done

why "a filter by the last two octets of a packet's destination: one VIP ends in these"
run bpftool map update pinned $maps/destinations key $(destination_key "$VIP") value $(destination 1)

why "the service comes last, when everything behind it is ready: service 1, ${#BACKENDS[@]} slots," \
	"the first of them slot 0; and before it the address alone, for packets whose ports cannot be read"
run bpftool map update pinned $maps/services key $(vip_key "$VIP") value $(service 0 0 0)
run bpftool map update pinned $maps/services key $(service_key tcp "$VIP" "$PORT") \
	value $(service 1 0 ${#BACKENDS[@]} hash)
