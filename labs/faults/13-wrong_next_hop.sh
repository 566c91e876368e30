# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A route on the load balancer to one backend, by a router that is not there.
labs=(ipip)
title="some requests hang; a counter of lb rises with each of them"
noticed="requests are answered"
shown="is NOT KNOWN"
hints=(
	"Does the request leave lb? trace.sh one that is not answered. And what do the counters of lb say?"
	"lb does not know the MAC address of somebody. Is it the backend's? The backends are in another network: to whom does lb hand packets for them?"
	"Ask lb's kernel for its way to each of the backends. Are they the same?"
)

break_it() {
	on lb ip route add "${BACKENDS[1]}/32" via "${LB_GATEWAY%.*}.3"
	feel_it
}

evidence() {
	local port
	ask_some
	look lb "scripts/lb stats | grep -E '^(verdict|no_neighbour)'"
	# a connection that falls on the slot of this backend
	for port in 40000 40001 40002 40003 40004 40005 40006 40007; do
		[[ $(on lb scripts/lb why tcp "$CLIENT:$port" "$VIP:$PORT") == *"${LB_GATEWAY%.*}.3"* ]] || continue
		look lb "scripts/lb why tcp $CLIENT:$port $VIP:$PORT | tail -n 4"
		break
	done
	look lb "ip route"
}

repair() {
	fix lb "ip route del ${BACKENDS[1]}/32 || true"
	fix lb "scripts/lb refresh"
}

story() {
	cat <<-END
		A route for ${BACKENDS[1]} alone led by ${LB_GATEWAY%.*}.3, a router that was there once. A route for one
		address wins over the default route. The kernel asks for the router's MAC address in vain, and the program, which cannot
		wait, drops the packet: no_neighbour.

		Why it matters: no_neighbour does not mean that a backend is dead. It is about the next machine on the way. Routes that were
		added for a test outlive the test, and a load balancer shows only a part of the damage: one backend of two. The
		tutorials have one gateway for all, and ping it, so that it is known. lb doctor names the router that does not answer ARP, and lb why
		shows the way of the packet, if one asks about a connection of that backend.
	END
}
