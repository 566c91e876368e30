# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# Client and gateway leave checksums to their network cards, which are virtual.
labs=(nat l2dsr ipip)
title="requests reach the backends whole, and are never answered"
noticed="a request is answered"
shown="tx-checksumming: on"
hints=(
	"How far do requests come? Look at all cables with trace.sh, and then at the backends with tcpdump."
	"The backend's card gets the packet, with the right addresses and ports, and its kernel throws it away. Kernels count why: nstat on the backend."
	"tcpdump -v on the backend says something about the packet that is not right. Who should have computed it? And what does a cable without hardware at its ends do about that?"
)

break_it() {
	on client ethtool -K eth0 tx on
	on gateway ethtool -K eth0 tx on
}

evidence() {
	ask_some
	look backend-01 "nstat -az TcpInCsumErrors"
	look backend-02 "nstat -az TcpInCsumErrors"
	look client "ethtool -k eth0 | grep '^tx-checksumming'"
	look gateway "ethtool -k eth0 | grep '^tx-checksumming'"
	look client "scripts/lb doctor backend nat $VIP | grep -A 1 '^not ok'"
}

repair() {
	fix client "ethtool -K eth0 tx off"
	fix gateway "ethtool -K eth0 tx off"
}

story() {
	cat <<-END
		The client's kernel left TCP checksums to its network card (tx-checksumming), and so did the gateway, which sends its packets
		on. These cards are veths, which compute nothing: between two ends of a veth, the kernel only notes that the checksum
		is still to be done, and everybody is happy. An XDP program sends on bytes, and the note is lost. What arrives has a checksum
		that is wrong. (If only one of the two had left it to hardware, the other would have computed it.)

		Why it matters: of all who try XDP in containers or namespaces, most meet this (xdp-tutorial has several issues about
		it). On real cables the sender's card computes it, and all is well: so it shows only in the playground, and
		in clusters where client and load balancer are on one host. scripts/node switches it off on each device. lb doctor has a
		line for it, on each machine that it is asked on. lb why says that the packet leaves.
	END
}
