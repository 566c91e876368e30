#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A load balancer of the group lab: one of several, which are all alike, and do not know of each other.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh group
me=$(ip -j -4 addr show dev eth0 | jq -r '.[0].addr_info[0].local')

why "the program asks the kernel for routes; and the VIP is ours, but nobody is told by ARP: it is on lo"
run sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
run ip addr replace "$VIP/32" dev lo

why "load the program; the key is that of the group: it decides which slot a connection falls on"
run scripts/lb attach ipip eth0
run scripts/lb set key "$KEY"

why "the services: one file for the whole group, which git, or any tool, brings to each of them"
run mkdir -p /run/xdp-lb
[[ -e /run/xdp-lb/services ]] || {
	printf 'service tcp %s:%s\n  check tcp %s\n' "$VIP" "$PORT" "$CHECK"
	printf '  backend %s\n' "${BACKENDS[@]}"
	printf 'service tcp %s:%s\n  check tcp %s\n' "$VIP" "$CHAT_PORT" "$CHECK"
	printf '  backend %s\n' "${BACKENDS[@]}"
} >/run/xdp-lb/services
run cat /run/xdp-lb/services
run scripts/lb restore /run/xdp-lb/services

why "BIRD: scripts/etc/bird.conf with our addresses, and with BFD, so that our death is noticed at once"
run mkdir -p /run/bird
echo "$HOSTNAME# sed ... scripts/etc/bird.conf >/run/xdp-lb/bird.conf"
sed -E "s/^(define our_as =).*/\1 $LB_AS;/; s/^(define router_as =).*/\1 $ROUTER_AS;/
	s/^(define our_address =).*/\1 $me;/; s/^(define router_address =).*/\1 $LB_GATEWAY;/
	s/^(\t)#(bfd on;)/\1\2/; /^#protocol bfd/,/^#}/s/^#//" scripts/etc/bird.conf >/run/xdp-lb/bird.conf
birdc show status >/dev/null 2>&1 || run bird -c /run/xdp-lb/bird.conf

# watch_runs: whether there is one already.
watch_runs() {
	local pid
	read -r pid </run/xdp-lb/watch/pid && kill -0 "$pid"
} 2>/dev/null

why "lb watch checks the backends, and tells BIRD to announce the VIP while they are well"
run scripts/lb set announce withdraw
if ! watch_runs; then
	echo "$HOSTNAME# scripts/lb watch >/run/xdp-lb/watch.log 2>&1 &"
	setsid scripts/lb watch </dev/null >/run/xdp-lb/watch.log 2>&1 3>&- &
fi
wait_for 30 grep -q "^route $VIP/32" /run/xdp-lb/bird/vip4.conf ||
	die "the VIP is not announced: $(tail -3 /run/xdp-lb/watch.log)"
run cat /run/xdp-lb/watch.log /run/xdp-lb/bird/vip4.conf

# is_established: whether the router listens.
is_established() {
	[[ $(birdc show protocols router4) == *Established* ]]
}
wait_for 30 is_established || die "the router does not listen to us; see: birdc show protocols all"
run birdc show protocols router4
