#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# trace: sends the same request through each of the four tunnels, and prints the first packet as it left lb, side by side.
# usage: [LAB=NAME] labs/tunnels/trace.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh tunnels
. labs/common/playground.sh
. labs/tunnels/tunnel.sh
[[ $# -eq 0 ]] || usage

begin_trace
before=$(tunnel_now)
trap 'change_tunnel "$before" >/dev/null; rm -rf "$traces"' EXIT
for tunnel in ipip gre fou gue; do
	change_tunnel "$tunnel" >/dev/null
	# From the same port, so that it is the same connection for lb.
	on client curl -s -o /dev/null --max-time 5 --local-port 50000-50009 "$(url "$VIP")" ||
		echo "(the request through $tunnel was not answered)"
done
stop_listening switch
labs/tunnels/envelopes.py "$traces/macs" "$traces/lb.eth0.pcap"
