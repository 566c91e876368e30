# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# Two load balancers of a group with different hash keys.
labs=(group)
title="all is well, until a load balancer fails or comes back: then connections of others break, too"
noticed="one fingerprint"
shown="ff9f745f51a5"
hints=(
	"All requests are answered, from any load balancer. What must be the same on all of them, so that it does not matter which of them gets a packet of a connection?"
	"Ask each load balancer where it would send the same packet, by scripts/lb why. Do all of them name the same backend?"
	"Services and backends are the same, and each table is. What is done with addresses and ports before one looks into the table, and what goes into that beside them?"
)

break_it() {
	on lb-02 scripts/lb set key "$(printf '%064d' 7)"
}

evidence() {
	local lb
	for lb in $(lb_names); do
		look "$lb" "scripts/lb fingerprint"
	done
	look lb-01 "scripts/lb why tcp $CLIENT:40001 $VIP:$PORT | grep -E '^(hash|backend)'"
	look lb-02 "scripts/lb why tcp $CLIENT:40001 $VIP:$PORT | grep -E '^(hash|backend)'"
}

repair() {
	fix lb-02 "scripts/lb set key $KEY"
}

story() {
	cat <<-END
		lb-02 had another hash key. The tables are the same, but the same connection falls on another slot there. Nobody
		notices, as long as the router sends all packets of a connection to one load balancer. When one of them leaves or comes back,
		the router spreads anew, packets of living connections come to another one, and that sends three of four of them to a
		backend that has never heard of them.

		Why it matters: a machine that is set up anew makes a random key of its own. That is right for one, and wrong for a group,
		and the difference shows months later, in the worst moment. lb fingerprint is one word for all that must be the same;
		lb doctor prints it, and the metrics have it, so that an alert can compare (scripts/prometheus).
	END
}
