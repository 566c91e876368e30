# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A program that chooses a backend for each packet, not for each connection: labs/faults/xdp_each_packet.c.
labs=(l2dsr)
title="most requests break in the middle: connection reset"
noticed="requests are answered"
shown="curl: ("
hints=(
	"What does the client say: no answer, refused, or reset? Count a few dozen requests. Then look at all packets of one with trace.sh --all: who gets which of them?"
	"A backend resets a connection of which it has not seen the beginning. Why does it get the middle of one?"
	"All packets of a connection have something in common, out of which the load balancer makes a number. This one makes it out of something else. Is the program on eth0 the one of this lab? What if you load that one again?"
)

break_it() {
	on lb ip -force link set dev eth0 xdp obj labs/faults/xdp_each_packet.o sec xdp
}

evidence() {
	look client "curl -sS --max-time 2 '$(url "$VIP")?[1-6]' 2>&1"
	look lb "ip link show dev eth0 | grep prog"
}

repair() {
	fix lb "ip -force link set dev eth0 xdp obj bpf/xdp_l2dsr.o sec xdp"
}

story() {
	cat <<-END
		The program that ran has a random number where ours has a hash of addresses, ports and protocol
		(labs/faults/xdp_each_packet.c). So the SYN went to one backend, and the next packet perhaps to the other, which knows no
		such connection, and resets it. With two backends a request of five packets survives once in sixteen times.

		Why it matters: "round robin" is right for connections, and wrong for packets. A load balancer without a memory can only
		send all packets of a connection to one backend if it computes the choice from what is the same in all of
		them. Routers with ECMP have the same duty, and some have a mode that breaks it ("per packet"). Fragments are the trap that is
		left: only the first one has the ports (headers/lb/fragments.h). lb doctor finds that another program
		runs, by its tag, a hash of the instructions. lb why does not: it tries packets with the file in bpf/.
	END
}
