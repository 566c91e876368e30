#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A backend of the L2 DSR lab: owns the VIP without announcing it, and answers the client directly. No XDP
# here.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh l2dsr

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

why "a web server on the VIP, whose page says who we are"
serve "$VIP"
