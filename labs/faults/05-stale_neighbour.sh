# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A MAC address on the load balancer, entered by hand, that belongs to a machine of the past.
labs=(nat l2dsr maglev)
title="some requests hang, and the backend that should have got them has seen nothing"
noticed="requests are answered"
shown="02:00:00:00:00:99 PERMANENT"
hints=(
	"Who answers, and who does not? Then watch the cables with trace.sh until a request is not answered: to whom does lb send it?"
	"The packet leaves lb for the right IP address. Nobody takes it from the cable. What else is written on a packet that says for whom it is?"
	"Compare a MAC address that lb uses with the one that the machine really has. Who told lb, and does lb ever ask again?"
)

break_it() {
	on lb ip neigh replace "${BACKENDS[1]}" dev eth0 lladdr 02:00:00:00:00:99 nud permanent
	feel_it
}

evidence() {
	look lb "ip neigh show ${BACKENDS[1]}"
	look backend-02 "cat /sys/class/net/eth0/address"
	look lb "arping -c 1 -I eth0 ${BACKENDS[1]}"
}

repair() {
	fix lb "ip neigh del ${BACKENDS[1]} dev eth0"
	fix lb "ip neigh replace ${BACKENDS[1]} dev eth0 managed"
	fix lb "scripts/lb refresh"
}

story() {
	cat <<-END
		lb had an entry for backend-02 that was made by hand (PERMANENT), with the MAC address of a machine that is not there
		any more: its card was changed, or it was moved to another host. The switch knows no port for such an address, sends the
		packet to all of them, and nobody takes it. A permanent entry is never asked for again.

		Why it matters: XDP cannot ask by ARP and wait for an answer, so people enter MAC addresses by hand, or in their
		program, and it works until a machine changes. The tutorials ping the backends first, so that the kernel knows them for a
		while. Here they are "managed": the kernel keeps asking. lb refresh leaves entries alone that somebody has made by hand.
		lb doctor only asks whether each next hop is known, and lb why says that the packet leaves: both are true.
	END
}
