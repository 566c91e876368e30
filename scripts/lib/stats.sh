# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# stats: counters, and the story of each packet. Sourced by lb.

# read_stats: {verdicts: [{name, packets, bytes}], services: [{protocol, address, port, packets, bytes, connections,
# backends: [{address, port, packets, bytes, connections}]}]}. What a service has got is the sum over its backends, and
# over those that are gone.
read_stats() {
	share_lock
	need_configuration
	need_lists traffic past_stats
	configured '
		def sums: {packets: (map(.packets) | add // 0), bytes: (map(.bytes) | add // 0), connections: (map(.connections) | add // 0)};
		def counters: split("\n")[:-1] | map(split(" ") | map(tonumber) | {key: (.[0] | tostring),
			value: {packets: .[1], bytes: .[2], connections: .[3]}}) | from_entries;
		($counters | counters) as $of | ($gone | counters) as $gone
		| {verdicts: $verdicts[0], services: [configuration[]
			| [(.backends | in_order[]), (.fallback | values) | {address, port} + $of[.id | tostring]] as $each
			| {protocol, address, port} + ([$each[], ($gone[.id | tostring] | values)] | sums) + {backends: $each}]}' -c \
		--slurpfile verdicts <(dump stats | stats_decode) \
		--rawfile counters <(listed traffic) --rawfile gone <(listed past_stats)
	unshare_lock
}

# show_counters: a table of JSON on stdin; with what was SECONDS before, and rates since then, if given.
# usage: show_counters [BEFORE SECONDS]
show_counters() {
	stage 'include "words"; include "address"; $was[0] as $before |
		def rows: {name: "verdict", packets: "packets", bytes: "bytes"},
			.verdicts[],
			(.services | select(. != null) | {name: "service and backend", packets: "packets", bytes: "bytes", connections: "connections"},
				(.[] | name as $service | (. + {name: $service, key: $service}),
					(.backends[] | . + {name: "  \(.port as $port | .address | with_port(if $port == 0 then "any" else $port end))", key: "\($service) \(server)"})));
		def rate($is; $was): (($is - ($was // $is)) / $seconds | round);
		([$before | select(.) | rows | {key: (.key // .name), value: .}] | from_entries) as $old
		| rows
		| (.packets | type == "string") as $head
		| [.name, .packets, .bytes, .connections // "-"]
			+ if $before == null then [] elif $head then ["packets/s", "bits/s"]
			  else $old[.key // .name] as $was | [rate(.packets; $was.packets), 8 * rate(.bytes; $was.bytes)] end
		| @tsv' -r --slurpfile was <(echo "${1-null}") --argjson seconds "${2-0}" | awk -F '\t' '
		{
			row[NR] = $0
			if (length($1) > width) width = length($1)
		}
		END {
			for (n = 1; n <= NR; n++) {
				fields = split(row[n], field, "\t")
				if (field[2] == "packets" && n > 1) print ""
				printf "%-" (width > 32 ? width : 32) "s %14s %18s", field[1], field[2], field[3]
				for (i = 4; i <= fields; i++) if (i > 4 || field[4] != "-") printf " %12s", field[i]
					else if (fields > 4) printf " %12s", ""
				print ""
			}
		}'
}

stats() {
	local now before
	no_more "$@"
	check_machine
	need_maps stats
	before=$(read_stats)
	if [[ -n $json ]]; then
		echo "$before"
	elif [[ -z $watch ]]; then
		show_counters <<<"$before"
	else
		while sleep 1; do
			now=$(read_stats)
			[[ ! -t 1 ]] || printf '\e[H\e[2J' # a terminal: from its top, on an empty screen
			show_counters "$before" 1 <<<"$now"
			before=$now
		done
	fi
}

# shorten_ipv6: lines on stdin, with addresses as bpf_printk prints them, which knows no :: -> the same with the text that
# they have elsewhere.
shorten_ipv6() {
	local line shown long bytes text
	while IFS= read -r line; do
		shown=''
		while [[ $line =~ (([0-9a-f]{4}:){7}[0-9a-f]{4})(.*) ]]; do
			long=${BASH_REMATCH[1]} bytes=()
			ipv6 "$long"
			ipv6_text "${bytes[@]}"
			shown+=${line%%"$long"*}$text line=${BASH_REMATCH[3]}
		done
		echo "$shown$line"
	done
}

# trace: the programs' lines of the kernel's trace log, with names for the verdicts, until Ctrl-C. The
# log is the whole kernel's: it may begin with old lines, and has those of other namespaces.
trace() {
	local i=0 verdict script=
	no_more "$@"
	check_machine
	need_maps load_balancer
	[[ $(settings load_balancer '.flags | index("debug")') != null ]] || die "nothing is told while debug is off; run: lb set debug on"
	for verdict in ${ENUMS[verdict]#* }; do
		script+="s/ verdict $((i++))\$/: $verdict/;"
	done
	bpftool prog tracelog 2>/dev/null | sed -un "/bpf_trace_printk: lb: /{s/.*bpf_trace_printk: lb: //;$script;p}" | shorten_ipv6
}
