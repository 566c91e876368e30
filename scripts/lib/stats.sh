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
	jq -r --slurpfile was <(echo "${1-null}") --argjson seconds "${2-0}" '
		$was[0] as $before |
		def port: if .port == 0 then "any" else .port end;
		def rows: {name: "verdict", packets: "packets", bytes: "bytes"},
			.verdicts[],
			(.services | select(. != null) | {name: "service and backend", packets: "packets", bytes: "bytes", connections: "connections"},
				(.[] | "\(.protocol) \(.address):\(port)" as $service | (. + {name: $service, key: $service}),
					(.backends[] | . + {name: "  \(.address):\(port)", key: "\($service) \(.address):\(.port)"})));
		def rate($is; $was): (($is - ($was // $is)) / $seconds | round);
		([$before | select(.) | rows | {key: (.key // .name), value: .}] | from_entries) as $old
		| rows
		| (.packets | type == "string") as $head
		| [.name, .packets, .bytes, .connections // "-"]
			+ if $before == null then [] elif $head then ["packets/s", "bits/s"]
			  else $old[.key // .name] as $was | [rate(.packets; $was.packets), 8 * rate(.bytes; $was.bytes)] end
		| @tsv' | awk -F '\t' '
		$2 == "packets" && NR > 1 { print "" }
		{
			printf "%-32s %14s %18s", $1, $2, $3
			for (i = 4; i <= NF; i++) if (i > 4 || $4 != "-") printf " %12s", $i
				else if (NF > 4) printf " %12s", ""
			print ""
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
	bpftool prog tracelog 2>/dev/null | sed -un "/bpf_trace_printk: lb: /{s/.*bpf_trace_printk: lb: //;$script;p}"
}
