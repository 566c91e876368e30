#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# spread: 200 connections through each tunnel. How many different outer headers does a backend get, and over how many queues
# of a network card would they spread? The headers are real; the queues of a card are computed as it does it (RSS, with four
# queues); those of a veth are counted: the same packets are sent over one that has four.
# usage: [LAB=NAME] labs/tunnels/spread.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh tunnels
. labs/common/playground.sh
. labs/tunnels/tunnel.sh
[[ $# -eq 0 ]] || usage
need_playground
sources=$SOURCE
[[ $backend_family == 4 ]] || sources=$SOURCE6
before=$(tunnel_now)
# shellcheck disable=SC2317 # called by trap
put_back() {
	on lb scripts/lb set source none
	change_tunnel "$before" >/dev/null
	rm -rf "$traces"
}

# The backends have to accept what comes from there.
for backend in $(backend_names); do
	echo "$backend# scripts/lb decap add lb $sources"
	on "$backend" scripts/lb decap add lb "$sources"
done

# connections TUNNEL SOURCES: 200 of them, and their lines of the table.
connections() {
	change_tunnel "$1" >/dev/null
	on lb scripts/lb set source "$2"
	begin_trace
	trap put_back EXIT
	on client curl -s -o /dev/null --max-time 5 "$(url "$VIP")?[1-200]" || echo "(not all requests were answered)"
	stop_listening switch
	labs/tunnels/spread.py "$1" "$2" "${BACKENDS[0]}" "$traces/backend-01.eth0.pcap"
	rm -rf "$traces"
}

traces=
trap put_back EXIT
labs/tunnels/spread.py
for tunnel in ipip gre fou gue; do
	connections "$tunnel" none
done
connections ipip "$sources"
