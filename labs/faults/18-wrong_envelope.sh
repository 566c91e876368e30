# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A backend does not take the tunnel that the load balancer uses.
labs=(tunnels)
title="some requests hang; they work with another tunnel"
noticed="requests are answered"
hints=(
	"Who answers, and who does not? Try the other tunnels: TUNNEL=ipip labs/tunnels/lb.sh on lb changes it while packets flow."
	"The backend gets the packets, and counts why it does not open them: scripts/lb decap stats, there."
	"Which envelopes does each of the backends take at its own address? Compare their lists."
)

break_it() {
	on backend-02 scripts/lb decap del host "${BACKENDS[1]}"
	on backend-02 scripts/lb decap add host "${BACKENDS[1]}" ipip
	reload_decap backend-02
}

evidence() {
	ask_some
	look backend-02 "scripts/lb decap stats | awk '\$2 > 0 || \$1 == \"verdict\"'"
	look backend-02 "scripts/lb decap show"
	look backend-01 "scripts/lb decap show"
}

repair() {
	fix backend-02 "scripts/lb decap del host ${BACKENDS[1]} && scripts/lb decap add host ${BACKENDS[1]} ipip gre fou gue"
}

story() {
	cat <<-END
		lb wraps packets with GUE, and backend-02 took IPIP only at its address. Which envelope is used is an agreement of two
		machines, and they are changed one after the other.

		Why it matters: first let all backends take the new one, too, then change the load balancer, then take the old one from
		the list: in this order nobody loses a packet, as experiment.sh of this lab shows. In a kernel without FOU, the same fault is a
		module that is not loaded, or another UDP port. lb doctor on the backend can be told: lb doctor backend gue VIP says
		whether it takes that envelope.
	END
}
