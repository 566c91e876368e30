#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A backend of the Maglev lab: owns the VIP without announcing it, as in the L2 DSR lab, and has something to
# download.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh maglev

why "the VIP is ours too, and we do not announce it (labs/l2dsr explains it)"
run ip addr replace "$VIP/32" dev lo
run sysctl -qw net.ipv4.conf.eth0.arp_ignore=1
run sysctl -qw net.ipv4.conf.eth0.arp_announce=2

why "a web server on the VIP, whose page says who we are"
serve "$VIP"

why "and a file of 6 MB that begins with our name, to be downloaded slowly while backends come and go"
echo "$HOSTNAME# echo $HOSTNAME >/run/xdp-lb/www/long"
echo "$HOSTNAME" >/run/xdp-lb/www/long
run truncate --size 6000000 /run/xdp-lb/www/long
