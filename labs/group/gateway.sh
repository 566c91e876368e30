#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The gateway of the group lab: a router that learns from BGP which load balancers have the VIP.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh group
. labs/common/playground.sh

why "a router forwards what is not for itself. Answers have the VIP as their source, and as long as nobody announces it," \
	"there is no way to it: even a loose reverse path filter (2) would drop them. The first that it drops are answers to" \
	"checks: then no backend is healthy, and nobody ever announces the VIP"
run sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth2.rp_filter=0

why "of several ways it takes one by a hash of addresses and ports, not of addresses alone: or all connections of a" \
	"client would take the same"
run sysctl -qw net.ipv4.fib_multipath_hash_policy=1
run sysctl -eqw net.ipv6.fib_multipath_hash_policy=1

why "BIRD: routes that the load balancers announce go to the kernel, those that are equally good as one of several ways." \
	"BFD asks them five times a second whether they live. Nobody can announce anything but a VIP"
run mkdir -p /run/bird
{
	cat <<-END
		router id $LB_GATEWAY;
		protocol device {}
		protocol bfd { interface "*" { min rx interval 200 ms; min tx interval 200 ms; multiplier 5; }; }
		protocol kernel { merge paths on; ipv4 { import none; export all; }; }
		template bgp load_balancer {
			local $LB_GATEWAY as $ROUTER_AS;
			bfd on;
			hold time 9;
			connect delay time 1;
			error wait time 1, 2;
			ipv4 { export none; import where net = $VIP/32; };
		}
	END
	i=0
	for lb in $(lb_names); do
		echo "protocol bgp ${lb/-/_} from load_balancer { neighbor ${LBS[i]} as $LB_AS; }"
		i=$((i + 1))
	done
} >/run/xdp-lb-bird.conf
run cat /run/xdp-lb-bird.conf
birdc show status >/dev/null 2>&1 || run bird -c /run/xdp-lb-bird.conf
