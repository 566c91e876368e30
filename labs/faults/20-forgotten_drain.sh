# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A load balancer that was drained before maintenance, and not brought back.
labs=(group)
title="all requests are answered, but one load balancer has nothing to do"
noticed="gateway has a way to the VIP by each load balancer"
shown="draining"
hints=(
	"Look at the counters of each load balancer while you send requests. Who takes part?"
	"The gateway knows the load balancers by what they announce. Which ways to the VIP does it have? And is the session of the one that is missing up?"
	"That load balancer lives, its backends are healthy, its session is up, and it announces nothing: because somebody wanted it so. Its log says since when."
)

break_it() {
	on lb-01 scripts/lb drain idle 1
}

evidence() {
	look gateway "ip route show $VIP"
	look lb-01 "birdc show protocols router4"
	look lb-01 "scripts/lb show | grep -E 'announce|drain' || true"
	look lb-01 "tail -n 3 /run/xdp-lb/watch.log"
}

# is_back: whether the gateway has a way by lb-01.
is_back() {
	[[ $(on gateway ip route show "$VIP") == *"${LBS[0]}"* ]]
}

repair() {
	fix lb-01 "scripts/lb drain off"
	[[ -n $told ]] || wait_for 30 is_back || true
	look gateway "ip route show $VIP"
}

story() {
	cat <<-END
		Before maintenance, lb-01 was taken out of the traffic by "lb drain": it withdrew the VIP from BGP, and no request was lost. After it,
		nobody has said "lb drain off". Two machines do the work of three, and nobody notices.

		Why it matters: it is the same as with a backend that was left down. A group hides what is missing, until the next one
		fails. So watch how many ways the router has, not only whether there is one: labs/group/check.sh asks the router. lb doctor
		on lb-01 says that it is draining, and the command that ends it. A drain ends with a reboot, by the way: what is in the maps
		is gone then, and xdp-lb.service begins anew.
	END
}
