#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A backend of the group lab: as in labs/ipip, but it opens packets of all load balancers of the group.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh group

why "the VIP is ours too, and we do not announce it; segments leave room for the outer header (labs/ipip explains it)"
run ip addr replace "$VIP/32" dev lo
run sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.arp_announce=2
run ip route replace default via "$BACKEND_GATEWAY" dev eth0 advmss "$ADVMSS"

why "unwrap in XDP: packets from any load balancer of the group, to us, with a packet to the VIP inside"
run scripts/lb attach decap eth0
for address in "${LBS[@]}"; do
	run scripts/lb decap add lb "$address"
done
run scripts/lb decap add host "$(my_address)"
run scripts/lb decap add vip "$VIP"

why "a web server on the VIP, whose page says who we are"
serve "$VIP"

why "and a server that answers line by line, as long as a connection is open"
if ! chats=$(ss -Htln "sport = :$CHAT_PORT") || [[ -z $chats ]]; then
	echo "$HOSTNAME# tests/lib/connections.py serve $VIP $CHAT_PORT &"
	setsid tests/lib/connections.py serve "$VIP" "$CHAT_PORT" </dev/null >/run/xdp-lb/chat.log 2>&1 3>&- &
fi
