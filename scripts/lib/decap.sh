# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# decap: what a backend accepts from load balancers. Sourced by lb.

tunnel_ports="{\"fou\":$FOU_PORT,\"gue\":$GUE_PORT}" # for decap.jq

# decap_stage FILTER [JQ_OPTION...]: a filter that may use decap.jq.
decap_stage() {
	stage "include \"words\"; include \"decap\"; $1" --argjson tunnel_ports "$tunnel_ports" "${@:2}"
}

# change_role add|del ROLE ADDRESS [TUNNEL...]
change_role() {
	local lines entry
	[[ $# -ge 3 ]] || usage "which role, and which address?"
	[[ $1 == add ]] || no_more "${@:4}"
	mapfile -t lines < <(decap_stage 'answer($ARGS.positional | entry_of_words; tojson)' -nr --args "${@:2}")
	accept
	entry=${lines[0]}
	take_lock
	need_maps decap_addresses decap
	mapfile -t lines < <(dump decap_addresses | decap_addresses_decode |
		decap_stage 'answer(entries | change_entry($verb; $entry); .)' -r --arg verb "$1" --argjson entry "$entry")
	accept
	change_entries "${lines[@]}"
}

# change_entries LINE...: "add ROLE ADDRESS TUNNEL...", or "del ROLE ADDRESS".
change_entries() {
	local line words
	for line; do
		read -ra words <<<"$line"
		# shellcheck disable=SC2046 # bytes
		if [[ ${words[0]} == add ]]; then
			update decap_addresses key $(decap_key "${words[@]:1:2}") value $(decap_entry "${words[@]:3}")
			note "decap: ${words[2]} is accepted as ${words[1]}${words[3]+ for ${words[*]:3}}" "NEW=${words[1]}"
		else
			delete decap_addresses key $(decap_key "${words[@]:1:2}")
			note "decap: ${words[2]} is not accepted as ${words[1]} any more" "NEW=none"
		fi
	done
}

# accept_these JSON: the decapsulator accepts these entries and no others (see decap.jq).
accept_these() {
	local lines
	mapfile -t lines < <(dump decap_addresses | decap_addresses_decode | decap_stage 'entries | make_be($want)' -r --argjson want "$1")
	change_entries "${lines[@]}"
}

# cookie_sysctls: sets needed to what SYN cookies need, as NAME=VALUE: the kernel must take them for every connection, and say
# which way its own packets go. (That lo forwards makes no router of this machine.)
cookie_sysctls() {
	needed=(net/ipv4/tcp_syncookies=2 net/ipv4/conf/lo/forwarding=1)
	[[ ! -e /proc/sys/net/ipv6/conf/lo ]] || needed+=(net/ipv6/conf/lo/forwarding=1)
}

# cookies_are_possible: sets found to the settings that they have, and mend to the command for those that are wrong. Fails if some are.
cookies_are_possible() {
	local needed setting name wrong=()
	found=()
	cookie_sysctls
	for setting in "${needed[@]}"; do
		name=${setting%=*}
		found+=("${name//\//.}=$(<"/proc/sys/$name")")
		[[ ${found[-1]} == "${setting//\//.}" ]] || wrong+=("${setting//\//.}")
	done
	mend="sysctl -w ${wrong[*]}"
	[[ ${#wrong[@]} -eq 0 ]]
}

# decap_set cookies N|off
decap_set() {
	local lines found mend
	[[ $# -gt 0 ]] || usage "set what?"
	words_of 'include "settings"; answer($ARGS.positional | decap_settings_words; tojson)' "$@"
	take_lock
	need_maps decap_settings decap
	[[ ${lines[0]} == '{"cookies":0}' ]] || cookies_are_possible || die "this machine is not ready for SYN cookies: ${found[*]}; run: $mend"
	change_settings decap_settings "${lines[0]}"
}

decap_show() {
	no_more "$@"
	check_machine
	need_maps decap_addresses decap
	if [[ -n $json ]]; then
		dump decap_addresses | decap_addresses_decode
	else
		dump decap_addresses | decap_addresses_decode | decap_stage 'entries[] | entry_line' -r
		settings decap_settings '.cookies | if . > 0 then "cookies \(.)" else empty end' -r
	fi
}

decap_stats() {
	no_more "$@"
	check_machine
	need_maps decap_stats decap
	dump decap_stats | decap_stats_decode | if [[ -n $json ]]; then cat; else jq -c '{verdicts: .}' | show_counters; fi
}
