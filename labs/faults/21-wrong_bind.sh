# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A server that listens on the backend's own address, and not on the VIP.
labs=(l2dsr ipip)
title="some requests are refused at once, the others answered"
noticed="requests are answered"
shown="${BACKENDS[1]}:$PORT"
hints=(
	"Who refuses? trace.sh a request that is refused: look who sends the answer, if you can call it one."
	"The backend refuses, and not because its server is dead: ask it directly, at its own address, from lb."
	"On which address does the server listen, and for which address are the packets that come out of the load balancer?"
)

break_it() {
	on backend-02 pkill -f "http.server $PORT"
	serve_on_backend_02 "${BACKENDS[1]}"
}

# serve_on_backend_02 ADDRESS: its web server, there.
serve_on_backend_02() {
	on backend-02 bash -c "setsid python3 -u -m http.server $PORT --bind $1 --directory /run/xdp-lb/www </dev/null >>/run/xdp-lb/http.log 2>&1 3>&- &"
	wait_for 10 on backend-02 curl -s -o /dev/null "$(url "$1")"
}

evidence() {
	look client "curl -sS --max-time 1 '$(url "$VIP")?[1-6]' 2>&1"
	look backend-02 "ss -Htln 'sport = :$PORT'"
	look backend-01 "ss -Htln 'sport = :$PORT'"
}

repair() {
	fix backend-02 "pkill -f '[h]ttp.server $PORT'; ${lab}/backend.sh >/dev/null"
}

story() {
	cat <<-END
		backend-02's server listened on ${BACKENDS[1]}. Packets that come through a DSR load balancer are for the VIP, $VIP: the
		backend has that address, but nobody listens on it, so its kernel refuses.

		Why it matters: it works with NAT, which writes the backend's own address into the packet, and stops working when one changes to
		DSR. And a check that asks the backend's own address says "healthy": so lb watch asks for the VIP, by the same way as
		clients (labs/health). Servers that listen on all addresses (0.0.0.0, ::) never have this fault. lb why says that the packet
		leaves; lb doctor looks at the machine, not at its servers.
	END
}
