# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# settings: maps of one entry, whose struct has the map's name: load_balancer (addresses, key, window, ...), nat, and
# decap_settings.
# Sourced by lb.

# settings MAP FILTER [JQ_OPTION...]: a filter on the entry, as {address, hash_key: [32 bytes], flags: ["debug"], window,
# probe_device, routes, address6, source, source6, source_bits, source6_bits, port}
# or {first_port, last_port, handshake, established, closing, udp}, or {cookies}.
settings() {
	bpftool -j map lookup pinned "$maps/$1" key 0 0 0 0 |
		stage "include \"bytes\"; .value | bytes | decode(\"$1\") | $2" "${@:3}"
}

# tell_watch: lb watch looks at the settings again.
tell_watch() {
	[[ -n $dry || ! -d $rounds ]] || echo >"$rounds/settings"
}

# set_settings MAP MODE NAME VALUE...: (MODE: who has the map, if not every load balancer) changes what is named, as settings.jq reads it, and leaves the rest as it is.
set_settings() {
	local lines
	[[ $# -gt 2 ]] || usage "set what?"
	words_of "include \"settings\"; answer(\$ARGS.positional | ${1}_words; tojson)" "${@:3}"
	take_lock
	need_maps "$1" "$2"
	change_settings "$1" "${lines[0]}"
}

# change_settings MAP JSON: fields of the entry, as settings.jq has them.
change_settings() {
	# shellcheck disable=SC2046 # bytes
	update "$1" key $(u32 0) value $(bpftool -j map lookup pinned "$maps/$1" key 0 0 0 0 |
		stage "include \"bytes\"; include \"settings\"; decimal as \$hex | .value | bytes | decode(\"$1\") | set_to(\$changes) | $(encoder "$1")" -r --argjson changes "$2")
	tell_watch
	note "$(jq -r --arg map "$1" '"\($map) set: \(del(.flags) + (.flags // {}) | keys | map(rtrimstr("_bits") | rtrimstr("6")) | unique | join(", "))"' <<<"$2")" # not what to: the key is a secret
}

# set_load_balancer [address ADDRESS] [source PREFIX|none] [port N|default] [key HEX] [debug on|off] [window SECONDS] [announce off|withdraw|worse]
set_load_balancer() {
	set_settings load_balancer "" "$@"
}

show_load_balancer() {
	local lines=''
	no_more "$@"
	check_machine
	need_maps load_balancer
	[[ -n $json ]] || lines=' | load_balancer_lines'
	bpftool -j map lookup pinned "$maps/load_balancer" key 0 0 0 0 |
		stage "include \"bytes\"; include \"settings\"; .value | bytes | decode(\"load_balancer\") | load_balancer_json$lines" -cr
}
