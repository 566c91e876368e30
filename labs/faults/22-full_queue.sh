# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A server that does not take connections any more: the queue in front of it is full.
labs=(maglev nat)
title="some requests hang, though their backend answers ping, and even takes the connection, at first"
noticed="requests are answered"
shown="T (stopped)"
hints=(
	"Who does not answer? Look at all packets of a request that hangs (trace.sh --all, until you have one). Does the handshake get through? The request?"
	"The kernel of that backend does its part: it takes connections, and acknowledges the request. Who should read it, and answer?"
	"Between a kernel and its server is a queue of connections that nobody has accepted yet. ss shows how many are in it, and how many there may be. Why does nobody take them out? Look at the process."
)

break_it() {
	on backend-02 pkill -STOP -f "http.server $PORT"
}

evidence() {
	ask_some
	look backend-02 "ss -Htln 'sport = :$PORT'"
	look backend-02 "nstat -az TcpExtListenOverflows"
	look backend-02 "grep State /proc/\$(pgrep -f '[h]ttp.server $PORT')/status"
}

repair() {
	fix backend-02 "pkill -CONT -f '[h]ttp.server $PORT'"
}

story() {
	cat <<-END
		Somebody has stopped the server of backend-02 (Ctrl-Z in a terminal, or a debugger). Its kernel went on: it completes handshakes, and
		puts connections into the queue of the server (ss: the second column is how many there are, the third how many there may be). When the
		queue is full, the kernel drops SYNs, and counts ListenOverflows.

		Why it matters: a server that waits for its database, or for a lock, looks the same. ping is answered, and so is a check that
		only opens a connection (tcp), as long as there is room in the queue. So let lb watch ask for what clients ask for (http; labs/health
		has such a server, with its "mood"). lb why and lb doctor know nothing of servers. All tables are finite: this queue, the
		ports of NAT (fault 12), conntrack of a firewall; and each has a counter for the moment when it is full, if one knows where.
	END
}
