# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the scripts of this lab share: sourced after playground.sh.

# tunnel_now: which of the four programs runs on lb; nothing if none of them does.
tunnel_now() {
	on lb ip -j -d link show dev eth0 | jq -r '.[0].xdp.prog.name // "" | capture("^xdp_(?<name>ipip|gre|fou|gue)(_frags)?$").name'
}

# change_tunnel NAME: puts another one in its place.
change_tunnel() {
	[[ -z $1 ]] || on lb env TUNNEL="$1" labs/tunnels/lb.sh
}
