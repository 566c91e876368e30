#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The load balancer of the tunnels lab, with scripts/lb; labs/ipip/lb.sh does the same by hand.
# usage: TUNNEL=ipip|gre|fou|gue labs/tunnels/lb.sh   (gue if not given)
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh tunnels
TUNNEL=${TUNNEL:-gue}

if [[ -e $maps/services ]]; then
	why "one of the four programs runs already: this one takes its place and finds the same maps, so that" \
		"connections go on"
	run ip -force link set dev eth0 xdp obj "bpf/xdp_$TUNNEL.o" sec xdp.frags
	exit
fi

why "the program asks the kernel for routes, of both families, and the VIP is ours"
run sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
run ip addr replace "$VIP/$vip_bits" dev eth0 "${nodad[@]}"

why "load the program: the load balancer of the IPIP lab, but for one line (diff bpf/xdp_ipip.c bpf/xdp_$TUNNEL.c)"
run scripts/lb attach "$TUNNEL" eth0

why "the service and its backends"
run mkdir -p /run/xdp-lb
{
	echo "service tcp $(endpoint "$VIP")"
	printf '  backend %s\n' "${BACKENDS[@]}"
} >/run/xdp-lb/services
run cat /run/xdp-lb/services
run scripts/lb restore /run/xdp-lb/services
wait_for 5 knows_neighbour "$LB_GATEWAY"
