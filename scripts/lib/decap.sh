# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# decap: what a backend accepts from load balancers. Sourced by lb.

# change_role add|del lb|host|vip ADDRESS
change_role() {
	local roles lines
	[[ $# -ge 3 ]] || usage "which role, and which address?"
	no_more "${@:4}"
	words_of 'include "decap"; answer($ARGS.positional | role_words; empty)' "$@"
	take_lock
	need_maps decap_addresses decap
	mapfile -t lines < <(dump decap_addresses | decap_addresses_decode | stage 'include "words"; include "decap";
		$ARGS.positional as [$verb, $role, $address] | answer(new_roles($verb; $role; $address); join(","))' -r --args "$@")
	accept
	roles=${lines[0]}
	# shellcheck disable=SC2046 # bytes
	if [[ -n $roles ]]; then
		update decap_addresses key $(decap_address "$3") value $(decap_role "$roles")
	else
		delete decap_addresses key $(decap_address "$3")
	fi
	note "decap $1 $2 $3" "NEW=${roles:-none}"
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
