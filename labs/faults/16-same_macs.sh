# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A program that sends packets back as they came, MAC addresses included: labs/faults/xdp_same_macs.c.
labs=(l2dsr)
title="no request is answered; lb sends all of them on, and the switch keeps them"
noticed="a request is answered"
shown="Flags [S]"
hints=(
	"Look at what lb sends: trace.sh shows its frames. Compare each column with that of the hop before."
	"For which machine is the frame that leaves lb? What does a switch do with a frame whose receiver is where it came from?"
	"In this mode, a load balancer changes one thing about a packet, and this one does not. Is the program on eth0 the one of this lab? What if you load that one again?"
)

break_it() {
	on lb ip -force link set dev eth0 xdp obj labs/faults/xdp_same_macs.o sec xdp
}

evidence() {
	[[ -n ${told-} ]] || { sleep 0.7 && request 1; } &
	look switch "timeout 3 tcpdump -i lb.eth0 -nne -c 2 'tcp port $PORT' 2>/dev/null"
	wait
	look lb "ip link show dev eth0 | grep prog"
}

repair() {
	fix lb "ip -force link set dev eth0 xdp obj bpf/xdp_l2dsr.o sec xdp"
}

story() {
	cat <<-END
		Somebody has built the program without the line that writes MAC addresses (labs/faults/xdp_same_macs.c), and has loaded
		it. It found the backend, counted the packet as forwarded, and sent it: to itself. The switch never sends a frame back
		to the port where it came from.

		Why it matters: XDP_TX sends a frame as it stands. There is no kernel any more that fills in the header of the cable: whoever
		writes the program has to, and to think of both addresses. It is the most frequent mistake of a first program with
		XDP_TX (xdp-tutorial, packet03). The counters of a program say what it believes. lb doctor
		finds it: it loads bpf/xdp_l2dsr.o for a moment, and compares the tag, a hash of the instructions, with that of the program
		which runs. lb why does not: it tries packets with the file.
	END
}
