# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# The other end of the load balancer's veth has no XDP program.
labs=(nat l2dsr ipip)
title="no request is answered; lb says that it forwards, and its cable stays silent"
noticed="a request is answered"
shown="has none"
hints=(
	"Compare what the counters of lb say with what is on its cable: trace.sh. Does what it has forwarded get out?"
	"The program says XDP_TX, the packet does not appear. So something between the program and the other end of the cable has taken it. What kind of cable is it?"
	"The cable is a veth: each packet that an XDP program sends into it is handed to the device at the other end as it is, without an skb. What must be there so that it can take such packets? Compare with the other ports of the switch."
)

break_it() {
	on switch ip link set dev lb.eth0 xdp off
}

evidence() {
	ask_some
	look lb "scripts/lb stats | grep -E '^(verdict|forwarded)'"
	look switch "ip -o link | awk '/eth[0-9]@/ { print \$2, /prog.xdp/ ? \"has a program\" : \"has none\" }'"
	look lb "ethtool -S eth0 | grep xdp_tx"
}

repair() {
	fix switch "ip link set dev lb.eth0 xdp obj bpf/xdp_pass.o sec xdp"
}

story() {
	cat <<-END
		A veth hands a frame from XDP_TX (or XDP_REDIRECT) to the XDP part of its other end, which exists only if there is a
		program (or GRO) there. The port of the switch had none any more, and the frames vanished. It does not matter what
		the program does: bpf/xdp_pass.c lets everything pass.

		Why it matters: everybody who tries XDP_TX between namespaces meets this first (xdp-tutorial, issues about veth and
		XDP_TX). scripts/node loads xdp_pass at each port for that reason. Some real cards are like that, too: they take packets
		that another card's program redirects to them only if they have a program themselves. lb why says that the packet is sent,
		for the program does send it. lb doctor sees the other end only if it is on the same machine.
	END
}
