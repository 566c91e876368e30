# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# The default gateway of a backend is the load balancer.
labs=(l2dsr)
title="some requests hang, though a backend has taken them and has answered"
noticed="requests are answered"
shown="Invalid argument"
hints=(
	"trace.sh a request that is not answered. This time it is not the request that gets lost."
	"The answer leaves the backend. To which machine does it go? To which machine does the other backend send its answers?"
	"An answer has the VIP as its source. What must the machine that gets it think, if the VIP is one of its own addresses?"
)

break_it() {
	on backend-02 ip route replace default via "$LB" dev eth0
}

evidence() {
	look backend-02 "ip route show default"
	look backend-01 "ip route show default"
	look lb "ip route get $CLIENT from $VIP iif eth0 2>&1"
}

repair() {
	fix backend-02 "ip route replace default via $LB_GATEWAY dev eth0"
}

story() {
	cat <<-END
		backend-02 sent its answers to lb. lb's program lets them pass, because they are not for the VIP; the kernel should
		forward them to the client. But their source is the VIP, lb's own address, and a packet from outside that claims to come from
		ourselves is a lie ("martian source"): dropped, without a word.

		Why it matters: with NAT, backends often have the load balancer as their gateway, because answers must go through it. Who
		changes from NAT to DSR has to change that, too, on every backend. Direct server return means that answers do *not*
		come here. lb why and lb doctor are about requests, and about what this machine is set to: both find nothing on lb. trace.sh
		shows it, for it listens on the cables. The kernel tells, if it is asked for its way for such a packet: "Invalid argument".
	END
}
