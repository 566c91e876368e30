# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# fingerprint: a short hash of what decides where a packet goes. Sourced by lb.
#
# Two load balancers with one fingerprint, whose checks have found the same, send every packet to the same backend. What a
# person has set counts; what checks have found does not (members of a group see that at different moments), and neither
# does what was needed to find it, or what came in which order.

# placement: a line for each service and backend, as the kernel lists them: each has one text, and they are sorted.
placement() {
	{
		listed services | sed 's/^/service /'
		listed backends | sed 's/^/backend /'
		listed prefixes | sed 's/^/client /'
		listed server_ids | sed 's/^/id /'
	} | awk '
		function has(flags, flag) { return int(flags / flag) % 2 }
		# Without "slots N", how many there are follows from the backends. A service that was larger keeps more of them,
		# which places nothing elsewhere (headers/maglev/takeover.h).
		$1 == "service" {
			name[$2] = $3 " " $4 " " $5
			print "service", name[$2], "sticky " has($8, 1), "hash " has($8, 2), "strict " has($8, 8), "slots " (has($8, 4) ? $7 : 0)
		}
		$1 == "backend" { server[$3] = $4 " " $5 }
		$1 == "id" { print "id", name[$3], server[$2], $4 }
		$1 == "client" { print "client", name[$2], $3, $4, $5 }
		$1 == "backend" { print "backend", name[$2], $4, $5, "weight " $6, "down " ($7 == 2), "fallback " has($9, 2) }' | sort
}

# take_fingerprint: sets print to it, and placed to how many services and backends there are. The key is 256 bits of
# randomness: nobody finds it by trying. To be called after need_configuration.
take_fingerprint() {
	local lines
	lines=$(placement)
	print=$(printf 'placement 1\nkey %s\n%s\n' "$hash_key" "$lines" | sha256sum)
	print=${print:0:12}
	mapfile -t placed < <(
		grep -c '^service ' <<<"$lines" || true
		grep -c '^backend ' <<<"$lines" || true
	)
}

# fingerprint: prints it.
fingerprint() {
	local print placed
	no_more "$@"
	check_machine
	share_lock
	need_configuration
	take_fingerprint
	unshare_lock
	if [[ -n $json ]]; then
		printf '{"fingerprint":"%s","services":%d,"backends":%d}\n' "$print" "${placed[@]}"
	else
		echo "$print"
	fi
}
