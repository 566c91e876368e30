#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A backend of the tunnels lab: as in the IPIP lab, but it opens four kinds of envelopes.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh tunnels

why "the VIP is ours too, we do not announce it, and packets must leave room for an envelope (labs/ipip explains it)"
run ip addr replace "$VIP/$vip_bits" dev lo
[[ $vip_family == 6 ]] || run sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.arp_announce=2
run ip route replace default via "$BACKEND_GATEWAY" dev eth0 advmss "$ADVMSS"

why "unwrap in XDP what comes from the load balancer, to us, with a packet to the VIP inside; which envelopes we take" \
	"is part of the agreement, and so are the UDP ports of FOU ($FOU_PORT) and GUE ($GUE_PORT)"
run scripts/lb attach decap eth0
run scripts/lb decap add lb "$LB"
run scripts/lb decap add host "$(my_address)" ipip gre fou gue
run scripts/lb decap add vip "$VIP"

why "a web server on the VIP, whose page says who we are"
serve "$VIP"

why "and a file of 100 MB, for experiment.sh"
run truncate --size 100000000 /run/xdp-lb/www/long
