# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# The checks have stopped, and then a server has died.
labs=(health)
title="some requests are refused, and lb says that everybody is healthy"
noticed="lb watch runs"
shown="nobody watches"
hints=(
	"Ask a few dozen times: who answers, and who does not? Then ask lb what it thinks of that backend."
	"lb believes that all are healthy. When did it look last? Who is it that looks?"
	"There are two things to repair: one that has failed, and one that should have noticed. Are all processes there that setup.sh has started on lb and on the backends?"
)

break_it() {
	# shellcheck disable=SC2016 # expanded over there
	on lb bash -c 'kill -KILL "$(cat /run/xdp-lb/watch/pid)"; while kill -0 "$(cat /run/xdp-lb/watch/pid)"; do sleep 0.05; done' 2>/dev/null
	# shellcheck disable=SC2016
	on backend-03 bash -c 'kill -KILL "$(cat /run/xdp-lb/server.pid)"'
}

evidence() {
	look client "curl -s --max-time 1 '$(url "$VIP")?[1-30]' | sort | uniq -c"
	look lb "scripts/lb service show"
	look lb "tail -n 2 /run/xdp-lb/watch.log; pgrep -fa 'scripts/[l]b watch' || echo 'nobody watches'"
	look lb "scripts/lb doctor | grep -A 1 '^not ok'"
}

repair() {
	local mode
	mode=$(on lb cat /run/xdp-lb/mode 2>/dev/null) || mode=$MODE
	fix backend-03 "MODE=$mode labs/health/backend.sh >/dev/null"
	fix lb "MODE=$mode labs/health/lb.sh >/dev/null"
}

story() {
	cat <<-END
		lb watch was killed (kill -9; when there is no memory left, the kernel does that). Packets flow on, and that is meant: it is in no
		packet's way. But what it has found last stays as it is, for ever. Then the server of backend-03 died, and a third of the
		requests went to a machine that refuses them.

		Why it matters: who watches the watcher? On a real machine systemd does (Restart=always; scripts/systemd), and the metrics
		say when lb watch has looked last (XdpLbWatchNotRunning in scripts/prometheus). "Healthy" is news from the time of
		the last check: always ask how old it is.
	END
}
