# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# settings: the load balancer itself: its address, key, window and debug switch. Sourced by lb.

# settings FILTER [JQ_OPTION...]: a filter on {address, hash_key: [32 bytes], flags: ["debug"], window}.
settings() {
	bpftool -j map lookup pinned "$maps/load_balancer" key 0 0 0 0 |
		stage 'include "bytes"; .value | bytes | decode("load_balancer") | '"$1" "${@:2}"
}

# set_load_balancer [address ADDRESS] [key HEX] [debug on|off] [window SECONDS]
set_load_balancer() {
	local changes
	[[ $# -gt 0 ]] || usage "set what?"
	words_of 'include "settings"; answer($ARGS.positional | load_balancer_words; tojson)' "$@"
	changes=${lines[0]}
	take_lock
	need_maps load_balancer
	# shellcheck disable=SC2046 # bytes
	update load_balancer key $(u32 0) value $(settings "decimal as \$hex | . + \$changes | $(encoder load_balancer)" -r --argjson changes "$changes")
}

show_load_balancer() {
	no_more "$@"
	check_machine
	need_maps load_balancer
	settings . -c | print_list '"address \(.address)", "window \(.window) s", "debug \(if .flags | index("debug") then "on" else "off" end)"'
}
