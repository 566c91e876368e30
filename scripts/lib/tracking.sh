# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# tracking: what is remembered after a change of slots. Sourced by lb.

# backend_names: what a backend's id is called, as JSON: {ID: "ADDRESS:PORT"}
backend_names() {
	configured 'include "words"; [$ARGS.named.backends | rows[] | backend | {key: (.id | tostring), value: server}] | from_entries' -c
}

# slots PROTOCOL VIP:PORT: whose the slots of a service are.
slots() {
	local lines first taken
	parse_words "service ${*:1:2}"
	no_more "${@:3}"
	check_machine
	[[ -e $maps/services ]] || check_typed
	need_configuration
	mapfile -t lines < <(parse_text <<<"$typed" | configured 'include "words"; include "edit";
		answer(typed as $new | services | find_service($new) | must_be_there($new); "\(.first) \(.taken)")' -cr)
	accept
	read -r first taken <<<"${lines[0]}"
	seq $((first / 2)) $(((first + taken - 1) / 2)) | lookup_many slots | slots_decode |
		jq -c --slurpfile names <(backend_names) --argjson first "$first" --argjson taken "$taken" '
		$names[0] as $name | .[$first % 2:][:$taken] | to_entries
		| map({slot: .key, now: $name[.value.now | tostring], was: $name[.value.was | tostring]})' |
		print_list 'length as $all | group_by(.now)[]
			| "\(.[0].now // "nobody") \(length) of \($all) slots, \(map(select(.now != .was)) | length) of them with memories of others"'
}

# flows: connections that are remembered, out of the lists that bpf/list_flows.c, list_conntrack.c and list_conntrack6.c
# print.
flows() {
	local flow='include "bytes"; include "address"; def server($i): .[$i + 1] as $port | .[$i] | with_port($port);
		[inputs | split(" ") | {protocol: (.[0] | protocol), client: server(1), service: server(3), backend: '
	no_more "$@"
	check_machine
	need_configuration
	need_lists flows conntrack conntrack6
	if [[ -e $maps/conntrack ]]; then
		{ listed conntrack && listed conntrack6; } | stage "$flow"'server(8)}]' -nRc
	else
		listed flows | stage "$flow"'$names[0][.[5]], closing: (.[6] == "1")}]' -nRc --slurpfile names <(backend_names)
	fi | print_list '.[] | "\(.protocol) \(.client) > \(.service) at \(.backend)\(if .closing then " closing" else "" end)"'
}

# settle: slots whose flows are all where they belong forget what they were.
settle() {
	local i names left commands
	no_more "$@"
	take_lock
	need_configuration
	mapfile -t names < <(configured 'include "words"; services[] | name' -r)
	[[ ${#names[@]} -gt 0 ]] || return 0
	[[ -z $dry ]] || {
		printf 'settle service %s\n' "${names[@]}"
		return
	}
	room_for_orders
	mapfile -t left < <(configured 'services[] | .learns' -r)
	mapfile -t commands < <(configured "include \"bytes\"; include \"encode\"; hex as \$hex
		| services[] | {operation: \"settle\", service: ., is_vip: true, changes: [], clients: [], server_ids: []} | encode_command($encoders)" -r)
	load_builder xdp_settle load_balancer services destinations slots backends flows new_flows
	order_builder "${commands[@]}" || die "not everything was settled"
	for i in "${!names[@]}"; do
		if ((answers[i] == 0)); then
			echo "${names[i]}: settled"
		elif ((left[i] > 0)); then
			echo "${names[i]}: ${answers[i]} slots still learn whose flows they have, for ${left[i]} s"
		else
			echo "${names[i]}: ${answers[i]} slots have flows of other backends"
		fi
	done
}
