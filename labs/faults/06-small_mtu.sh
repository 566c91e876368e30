# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A small MTU behind the tunnel, and a router that does not say so.
labs=(ipip tunnels)
title="small pages come at once, large ones and uploads hang for ever"
noticed="large requests are answered"
shown="eth2/mtu:1400"
hints=(
	"Ask for a small page, then for a large one (/large), then send something large (curl -H with a header of 5000 bytes): what hangs? Where are those packets seen last? trace.sh cannot send them, tcpdump on the switch can show them."
	"Only packets of full size get lost. How large is the largest one that reaches a backend, with the outer header? And what should a router say to the sender of a packet that it cannot send on?"
	"Compare the MTU of all devices on the way. Then find out why the message that should tell the sender does not come: are there rules on the gateway that treat a kind of packet in its own way?"
)

break_it() {
	on gateway ip link set eth2 mtu 1400
	on gateway ip rule add pref 10 ipproto icmp blackhole
}

evidence() {
	look client "curl -s -o /dev/null --max-time 2 -w '%{http_code}\n' $(url "$VIP")"
	look client "curl -s -o /dev/null --max-time 2 -w '%{http_code}\n' -H \"X-Filling: \$(printf %05000d 0)\" $(url "$VIP")"
	look gateway "grep . /sys/class/net/eth*/mtu"
	look gateway "ip rule"
}

repair() {
	fix gateway "ip link set eth2 mtu 1500"
	fix gateway "ip rule del pref 10 || true"
}

story() {
	cat <<-END
		The link to the backends carried 1400 bytes. Packets of full size are 1500 there, outer header included, so the gateway
		dropped them. It should have said "fragmentation needed" (ICMP), but a rule threw away all ICMP: somebody has
		thought that this is safer. Now the sender repeats the same packet until it gives up: a black hole.

		Why it matters: everybody tests with small pages. A tunnel makes every packet larger, so it is the first to feel a small
		MTU (a VPN, a provider's network). And the message, if it came, would go to lb, the sender of the outer packet, and XDP
		programs like these do not pass it on (README.md, Limits). So there are two ways: give the network between load balancer
		and backends an MTU that is large enough, or let backends send smaller packets, and ask for smaller segments: "ip route replace
		default ... mtu 1400 advmss 1340" on each of them lets everything flow again, and needs no router's help. lb why and lb doctor see the first hop only.
	END
}
