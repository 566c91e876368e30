# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A strict reverse path filter on the router between client and backends.
labs=(ipip tunnels)
title="no request is answered, though lb forwards every packet of it"
noticed="a request is answered"
shown="rp_filter = 1"
hints=(
	"Follow one request with trace.sh. Do the backends get it? Do they answer? On which cable is the answer seen last?"
	"The answer comes to the gateway, and does not leave it. The gateway knows the way to the client, and has no firewall. So what it dislikes is not where the answer goes."
	"Look at the answer's source, and at the cable that it comes by. By which cable would the gateway itself send a packet to that address? Routers have a setting about this question, and a counter."
)

break_it() {
	on gateway sysctl -qw net.ipv4.conf.all.rp_filter=1
}

evidence() {
	look gateway "nstat -az TcpExtIPReversePathFilter"
	look gateway "ip route get $VIP"
	look gateway "sysctl net.ipv4.conf.all.rp_filter"
}

repair() {
	fix gateway "sysctl -w net.ipv4.conf.all.rp_filter=2"
}

story() {
	cat <<-END
		The gateway had a strict reverse path filter (1): a packet must come in by the device by which the gateway would send to
		its source. The answer's source is the VIP, which is behind eth0, at lb; but the answer comes from the backends, by
		eth2. So the gateway took it for a forgery, and counted it in IPReversePathFilter. With a loose filter (2), there has to be
		some way to the source, by any device.

		Why it matters: with direct server return, requests and answers take different roads, always. Every router and firewall
		between them must accept that. Many distributions set 1. The IPIP tutorial sets 2 on its gateway; Katran's users meet it
		on backends whose kernel unwraps (Katran issue 47): there the packet comes out of ipip0, and the client is not behind it.
		lb doctor on a backend has a line for that. It cannot see routers; nor can lb why, which follows the request only.
	END
}
