# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A backend does not take the tunnel that the load balancer uses.
labs=(tunnels)
title="some requests hang; with another tunnel, none does"
noticed="requests are answered"
shown="udp port $GUE_PORT unreachable"
hints=(
	"Who answers, and who does not? Try the other tunnels: TUNNEL=ipip labs/tunnels/lb.sh on lb changes it while packets flow."
	"The backend gets the packets, and takes them for ordinary ones, of UDP: scripts/lb decap stats, there, counts them as plain. What does a kernel answer to a packet for a UDP port on which nobody listens? Listen on lb."
	"Which envelopes does each of the backends take at its own address? Compare their lists."
)

break_it() {
	on lb env TUNNEL=gue labs/tunnels/lb.sh # whichever it had
	on backend-02 scripts/lb decap del host "${BACKENDS[1]}"
	on backend-02 scripts/lb decap add host "${BACKENDS[1]}" ipip
	reload_decap backend-02
}

evidence() {
	{ sleep 0.7 && ask_some; } &
	look lb "timeout 3 tcpdump -nni eth0 -c 1 icmp 2>/dev/null"
	wait
	look backend-02 "scripts/lb decap show"
	look backend-01 "scripts/lb decap show"
}

repair() {
	fix backend-02 "scripts/lb decap del host ${BACKENDS[1]} && scripts/lb decap add host ${BACKENDS[1]} ipip gre fou gue"
}

story() {
	cat <<-END
		lb wraps packets with GUE, and backend-02 took IPIP only at its address. To its program, and to its kernel, these were packets of
		UDP for a port on which nobody listens; it said so to lb, who had sent them, and not to the client. Which
		envelope is used is an agreement of two machines, and they are changed one after the other.

		Why it matters: first let all backends take the new one, too, then change the load balancer, then take the old one from
		the list: in this order nobody loses a packet, as experiment.sh of this lab shows. In a kernel without FOU, the same fault is a
		module that is not loaded, or another UDP port. lb doctor on the backend can be told: lb doctor backend gue VIP says
		whether it takes that envelope.
	END
}
