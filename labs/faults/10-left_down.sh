# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# A backend that was drained for maintenance; somebody set it down, and nobody brought it back.
labs=(maglev)
title="all requests are answered, but one backend has nothing to do"
noticed="backend-03 serves some of them"
shown="weight 0 down"
hints=(
	"Ask fifty times and count who answers."
	"One backend is never chosen. Is it ill? Ask it itself, at its own address. Then ask lb what it thinks of it."
	"What a person has set stays until a person sets it otherwise. scripts/lb service show, on lb, has two words about each backend that say why it gets connections, or why not."
)

break_it() {
	on lb scripts/lb backend set tcp "$VIP:$PORT" "${BACKENDS[2]}" weight 0
	on lb scripts/lb backend set tcp "$VIP:$PORT" "${BACKENDS[2]}" down
}

evidence() {
	look client "curl -s --max-time 5 '$(url "$VIP")?[1-50]' | sort | uniq -c"
	look lb "scripts/lb service show"
	look lb "scripts/lb slots tcp $VIP:$PORT"
}

repair() {
	fix lb "scripts/lb backend set tcp $VIP:$PORT ${BACKENDS[2]} up weight 1"
}

story() {
	cat <<-END
		backend-03 was to be maintained. Weight 0 drains it: no new connections, the old ones may finish. Then somebody has set it
		down, too: from that moment its packets go elsewhere, and connections that were still open break. And after the
		maintenance nobody has set it up again.

		Why it matters: a load balancer hides what is missing; that is what it is for. Four backends do the work of five, until
		the day when one more fails. So do not look only at whether requests are answered. lb watch does not change what a person
		has set. lb doctor and lb why find nothing wrong, because nothing is: somebody wanted it so. lb metrics has the
		state of each backend: 2 is set down, 3 is drained. Have an alert for those that have been so for a day.
	END
}
