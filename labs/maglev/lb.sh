#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The load balancer of the Maglev lab, with scripts/lb: a line for each thing that labs/l2dsr/lb.sh does by hand.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh maglev

why "the program asks the kernel for routes, and the VIP is ours"
run sysctl -qw net.ipv4.ip_forward=1
run ip addr replace "$VIP/32" dev eth0

why "load the program"
run scripts/lb attach l2dsr eth0

why "all services, as a text: the file can be kept in git, and restored on any load balancer"
run mkdir -p /run/xdp-lb
{
	echo "service tcp $VIP:$PORT maglev slots 16381"
	printf '  backend %s\n' "${BACKENDS[@]}"
} >/run/xdp-lb/services
run cat /run/xdp-lb/services
run scripts/lb restore /run/xdp-lb/services
for address in "${BACKENDS[@]}"; do
	wait_for 5 knows_neighbour "$address"
done

why "how many slots of the service does each backend have?"
run scripts/lb slots tcp "$VIP:$PORT"
