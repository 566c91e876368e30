#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2046 # the encoders print the words that bpftool takes
# A backend of the IPIP lab: owns the VIP without announcing it, unwraps what the load
# balancer sends, and answers the client directly.
# usage: DECAP=xdp|kernel|none labs/ipip/backend.sh   (xdp if not given)
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh ipip
DECAP=${DECAP:-xdp}
me=$(my_address)

why "the VIP is ours too, so that the client's packets are for us and our answers come from it"
run ip addr replace "$VIP/$vip_bits" dev lo

if [[ $vip_family == 4 ]]; then
	why "but we do not announce it: ARP answers only for eth0's own addresses. Otherwise clients would find us" \
		"without the load balancer"
	run sysctl -qw net.ipv4.conf.eth0.arp_ignore=1
	run sysctl -qw net.ipv4.conf.eth0.arp_announce=2
else
	why "and nobody will find us by it: neighbour discovery answers only for eth0's own addresses, and nobody is" \
		"asked whether they have what is on lo"
	run ip -6 -br addr show dev lo to "$VIP"
fi

why "the outer header takes $outer_bytes bytes of the MTU: ask clients to send segments that leave room for it"
run ip route replace default via "$BACKEND_GATEWAY" dev eth0 advmss "$ADVMSS"

case $DECAP in
xdp)
	why "unwrap in XDP, but only packets from the load balancer, to us, with a packet to the VIP inside"
	run ip -force link set dev eth0 xdp obj bpf/xdp_decap.o sec xdp
	run bpftool map update pinned $maps/decap_addresses \
		key $(decap_key lb "$LB") value $(decap_entry)
	run bpftool map update pinned $maps/decap_addresses \
		key $(decap_key host "$me") value $(decap_entry ipip)
	run bpftool map update pinned $maps/decap_addresses \
		key $(decap_key vip "$VIP") value $(decap_entry)
	;;
kernel)
	why "unwrap in the kernel, as the tutorial does: packets from anybody"
	[[ $FAMILY == 4 ]] || die "DECAP=kernel unwraps IPv4 in IPv4 only; use FAMILY=4, or DECAP=xdp"
	modprobe ipip 2>/dev/null || true
	run ip link add name ipip0 type ipip external 2>/dev/null || [[ -e /sys/class/net/ipip0 ]] ||
		die "this kernel has no ipip (CONFIG_NET_IPIP); use DECAP=xdp instead"
	run ip link set up dev ipip0
	run ip addr replace 127.0.0.42/32 dev ipip0
	why "the client's address is not behind ipip0: a strict reverse path filter would drop it"
	run sysctl -qw net.ipv4.conf.ipip0.rp_filter=2
	;;
none)
	why "one piece is missing here (DECAP=none): see what the client gets"
	;;
*) die "DECAP=$DECAP is not known; use xdp, kernel or none" ;;
esac

why "a web server on the VIP, whose page says who we are"
serve "$VIP"
