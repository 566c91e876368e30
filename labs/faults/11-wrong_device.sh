# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# The load balancer's program is on another device than the one that requests come by.
labs=(nat l2dsr ipip)
title="every request is refused, at once"
noticed="a request is answered"
shown="has none"
hints=(
	"A request that is refused was answered by somebody: with a RST. trace.sh shows packets, and tcpdump on the switch shows which machine sends the RST. Which one?"
	"lb itself refuses: its kernel got the request, has the VIP, and has no web server. Should its kernel get these packets?"
	"The counters of lb do not move at all. Is a program loaded? And does it sit where the requests come in?"
)

# second_card: lb has one more network card, on a network of its own, as many servers have.
second_card() {
	local pids
	on lb test ! -e /sys/class/net/eth1 || return 0
	pids=$(scripts/node list)
	ip link add eth1 netns "$(awk '$2 == "lb" { print $4 }' <<<"$pids")" type veth \
		peer name lb.eth1 netns "$(awk '$2 == "switch" { print $4 }' <<<"$pids")"
	on switch ip link add spare up type bridge
	on switch ip link set lb.eth1 master spare up
	on lb ethtool -K eth1 tx off
	on lb ip link set eth1 up
}

break_it() {
	local mode
	mode=$(on lb ip -j -d link show dev eth0 | jq -r '.[0].xdp.prog.name')
	second_card
	on lb ip link set dev eth0 xdp off
	on lb ip -force link set dev eth1 xdp obj "bpf/$mode.o" sec xdp
}

evidence() {
	look client "curl -sS --max-time 2 $(url "$VIP")"
	look lb "ip -o link | awk '/eth[0-9]@/ { print \$2, /prog.xdp/ ? \"has a program\" : \"has none\" }'"
	look lb "scripts/lb why tcp $CLIENT:40000 $VIP:$PORT | grep ^packet"
}

repair() {
	local object="bpf/xdp_${lab##*/}.o"
	fix lb "ip link set dev eth1 xdp off"
	fix lb "ip -force link set dev eth0 xdp obj $object sec xdp"
}

story() {
	cat <<-END
		The program was on eth1, and requests come by eth0. There the kernel got them: it has the VIP (that is how ARP is
		answered), but no server, so it refused them. A request that hangs got lost; one that is refused has come to a machine that
		did not know what to do with it.

		Why it matters: names of cards change, with a new kernel, a new card, or in another slot; a program is loaded by name. The
		maps stay pinned, so services and counters were all there, and lb service show looked as always. After the repair
		everything was as before, as the maps were never touched. The tutorials load the program on eth0 and on lo, or find the
		device by its route. lb why says by which device it believes that the packet comes, and all is well with such a packet. lb doctor
		finds a program on a card that is up; only with NAT it misses one where the answers of backends come in.
	END
}
