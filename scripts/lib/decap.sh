# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# decap: what a backend accepts from load balancers. Sourced by lb.

# change_role add|del lb|host|vip ADDRESS
change_role() {
	local lines
	[[ $# -ge 3 ]] || usage "which role, and which address?"
	no_more "${@:4}"
	words_of 'include "decap"; answer($ARGS.positional | role_words; empty)' "$@"
	take_lock
	need_maps decap_addresses decap
	mapfile -t lines < <(dump decap_addresses | decap_addresses_decode | stage 'include "words"; include "decap";
		$ARGS.positional as [$verb, $role, $address] | answer(new_roles($verb; $role; $address); join(","))' -r --args "$@")
	accept
	give_roles "$3" "${lines[0]}"
}

# give_roles ADDRESS ROLES: lb,host say; none: it is not accepted any more.
give_roles() {
	# shellcheck disable=SC2046 # bytes
	if [[ -n $2 ]]; then
		update decap_addresses key $(decap_address "$1") value $(decap_role "$2")
	else
		delete decap_addresses key $(decap_address "$1")
	fi
	note "decap: $1 is accepted as ${2:-nobody}" "NEW=${2:-none}"
}

# accept_these JSON: the decapsulator accepts these and no others: [{address, roles}]
accept_these() {
	local address roles
	while read -r address roles; do
		give_roles "$address" "$roles"
	done < <(dump decap_addresses | decap_addresses_decode |
		stage 'include "decap"; make_be($want)' -r --argjson want "$1")
}

decap_show() {
	no_more "$@"
	check_machine
	need_maps decap_addresses decap
	dump decap_addresses | decap_addresses_decode | print_list '.[] | .address as $address | .roles[] | "\(.) \($address)"'
}

decap_stats() {
	no_more "$@"
	check_machine
	need_maps decap_stats decap
	dump decap_stats | decap_stats_decode | if [[ -n $json ]]; then cat; else jq -c '{verdicts: .}' | show_counters; fi
}
