# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A backend that answers ARP for the VIP.
labs=(l2dsr)
title="every request is answered, but always by the same backend"
noticed="backend-01 serves some of them"
shown="arp_ignore=0"
hints=(
	"Is the load balancer at fault? Compare what its counters say while you send requests. Then look at a request with trace.sh: which machines does it pass?"
	"The request does not pass lb at all. Who told the gateway to send it elsewhere?"
	"The gateway has a table of who is at which MAC address. Who answers when it asks for the VIP? Several machines own that address here; all but one of them should be silent about it."
)

break_it() {
	on backend-02 sysctl -qw net.ipv4.conf.eth0.arp_ignore=0
	# As a machine does when its address comes up: it tells everybody.
	on backend-02 arping -q -U -c 1 -I eth0 "$VIP" || true
	on gateway ip neigh replace "$VIP" lladdr "$(mac backend-02 eth0)" dev eth0 nud stale
}

evidence() {
	look lb "cat /sys/class/net/eth0/address"
	look backend-02 "cat /sys/class/net/eth0/address"
	look gateway "ip neigh show $VIP"
	look lb "scripts/lb doctor | grep -A 1 '^not ok'"
	look backend-02 "scripts/lb doctor backend l2dsr $VIP | grep -A 1 '^not ok'"
}

repair() {
	fix backend-02 "sysctl -w net.ipv4.conf.eth0.arp_ignore=1"
	fix gateway "ip neigh flush to $VIP"
}

story() {
	cat <<-END
		backend-02 has the VIP on lo, and by default Linux answers ARP for any of its addresses on any device
		(arp_ignore=0). It did, the gateway believed it, and sent everything to it. backend-02 can answer, so nobody complains:
		but it does the work of all, and when it dies, so does the service. lb can do nothing, for it gets nothing.

		Why it matters: who answers first wins, so this changes by the hour, and after each reboot. It is what people who
		begin with L2 DSR meet most. The tutorial sets arp_ignore=1 and arp_announce=2 for that. IPv6 answers only for addresses
		of the device itself. lb doctor asks by ARP, on lb, and looks at the settings, on a backend.
	END
}
