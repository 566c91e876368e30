# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# The ports that NAT lends to connections are exhausted.
labs=(nat)
title="the first requests are answered, then most hang, and after a while it works again"
noticed="requests are answered"
shown="ports 10000-10003"
hints=(
	"Send forty requests one after the other, wait for half a minute, and do it again. Is it about who asks, or about how often?"
	"The counters of lb tell which packets were dropped, and why. What is it that runs out, and comes back by itself?"
	"For each connection, the load balancer lends a port of its own address, and keeps it for a while after the end. How many does it have to lend?"
)

break_it() {
	on lb scripts/lb nat set ports 10000-10003
}

evidence() {
	ask_some
	look lb "scripts/lb stats | grep -E '^(verdict|ports_exhausted)'"
	look lb "scripts/lb nat show"
}

repair() {
	fix lb "scripts/lb nat set ports ${PORTS[0]}-${PORTS[1]}"
}

story() {
	cat <<-END
		To a backend, all connections come from lb's address, so they must differ in the port. lb had four ports to lend, and a
		port is lent again only some time after the end of its connection ("closing", lb nat show), or packets that come late would be
		taken for those of the next connection.

		Why it matters: with all ports the limit is about 55,000 connections to one backend's port at a time, and a proxy, a
		firewall and a provider's NAT have the same limit. It is reached on the busiest day, and looks like a network that
		loses packets. More backends, more addresses, or shorter times help. The tutorial's program has no such limit, because
		it does not care: two clients with the same port overwrite each other. The metrics have the share of ports in use
		(XdpLbPortsNearlyFull in scripts/prometheus). lb doctor says nothing, as nobody knows how many are enough; lb why
		tells the truth about the packet that it tries, for which there may be a port just now.
	END
}
