#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The gateway of the IPIP lab: a plain router between the three networks. It knows nothing of XDP.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh ipip

why "a router forwards what is not for itself"
run sysctl -qw "${forwarding[@]}"

if [[ $vip_family == 4 ]]; then # IPv6 has no such filter
	why "answers have the VIP as their source, but come in by the backends' interface, not by the one to the VIP:" \
		"a strict reverse path filter (1) would drop them, a loose one (2) does not"
	run sysctl -qw net.ipv4.conf.all.rp_filter=2
fi
