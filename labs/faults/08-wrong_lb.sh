# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# The allow-list of a decapsulator names another load balancer.
labs=(ipip tunnels)
title="some requests hang; the backend gets them, and has a counter that rises"
noticed="requests are answered"
shown="says source_refused (drop)"
hints=(
	"Who answers, and who does not? trace.sh a request that is not answered: does the backend get it, and in which form?"
	"The backend gets packets in an envelope, and does not open them. Its program counts why: scripts/lb decap stats, there."
	"It opens envelopes only from senders that it trusts. Compare: who sends them, and whom does it trust?"
)

break_it() {
	on backend-02 scripts/lb decap del lb "$LB"
	on backend-02 scripts/lb decap add lb "${LB%.*}.9"
	reload_decap backend-02
}

evidence() {
	local kind=ipip
	[[ ${lab##*/} != tunnels ]] || kind=gue
	ask_some
	look backend-02 "scripts/lb decap stats | grep -E '^(verdict|decapsulated|source_refused)'"
	look backend-02 "scripts/lb decap show"
	look lb "scripts/lb show | grep address"
	look backend-02 "scripts/lb why tcp $CLIENT:40000 $VIP:$PORT tunnel $kind $LB ${BACKENDS[1]} | tail -n 2"
}

repair() {
	fix backend-02 "scripts/lb decap add lb $LB"
	fix backend-02 "scripts/lb decap del lb ${LB%.*}.9 2>/dev/null || true"
}

story() {
	cat <<-END
		backend-02 trusted ${LB%.*}.9, the address that the load balancer had before it was renewed. From $LB it took nothing:
		source_refused.

		Why it matters: the list is what keeps others from sending packets with any inner source into your network
		(CVE-2020-10136); the kernel's own ipip0 device of the tutorial takes them from anybody. So it has to be there, and it has to
		be changed when load balancers are: first on all backends, then the machine. lb doctor on a backend tells the list, but
		cannot know who is the right one; lb why on the backend can, if it is told who sends.
	END
}
