# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# metrics: what is known, as text for Prometheus. Sourced by lb.
#
# The kernel prints what it has as lists; metrics.awk makes text of them. With many backends everything else is too slow.

metrics_lists=(traffic past_stats changed_at shares flows new_flows conntrack conntrack6)

# metrics [text|file FILE|http]
metrics() {
	case ${1-} in
	'') print_metrics openmetrics ;;
	text)
		no_more "${@:2}"
		print_metrics text
		;;
	file)
		[[ $# -ge 2 ]] || usage "which file?"
		no_more "${@:3}"
		write_metrics "$2"
		;;
	http)
		no_more "${@:2}"
		answer_http
		;;
	*) usage "unexpected word '$1'" ;;
	esac
}

# print_metrics openmetrics|text
print_metrics() {
	local boot
	check_machine
	[[ -e $maps/services || -e $maps/decap_stats ]] || die "neither load balancer nor decap is loaded on this machine; run: lb attach MODE DEV"
	boot=$(awk '$1 == "btime" { print $2 }' /proc/stat)
	share_lock
	{
		programs
		[[ ! -e $maps/stats ]] || balancer_metrics
		[[ ! -e $maps/nat_events ]] || nat_metrics
		[[ ! -e $maps/decap_stats ]] || {
			echo "list decap_verdicts"
			dump decap_stats | decap_stats_decode | counter_lines
		}
	} | awk -v format="$1" -v boot="$boot" -f "$lib/metrics.awk"
	unshare_lock
}

# counter_lines: counters as JSON on stdin -> a line for each.
counter_lines() {
	jq -r '.[] | "\(.name) \(.packets // .connections) \(.bytes // 0)"'
}

# programs: of ours, on devices: "DEVICE MODE FLAVOUR ID TAG".
programs() {
	echo "list programs"
	ip -j -d link | jq -r --arg not "$probe_device" --arg modes "$modes" '.[] | select(.ifname != $not and .xdp) | .ifname as $device | .xdp
		| (.prog.name // "" | rtrimstr("_frags") | capture("^xdp_(?<mode>" + $modes + ")$").mode) as $mode
		| "\($device) \($mode) \({"1": "native", "2": "generic", "3": "offload"}[.mode | tostring]) \(.prog.id) \(.prog.tag)"'
}

# balancer_metrics: what a load balancer of any mode has.
balancer_metrics() {
	local list turn print placed
	need_configuration
	need_lists "${metrics_lists[@]}"
	exec {turn}<"$lists" # of shares there is one reader at a time
	flock "$turn"
	for list in services backends checks "${metrics_lists[@]}"; do
		echo "list $list"
		listed "$list"
	done
	exec {turn}<&-
	echo "list verdicts"
	dump stats | stats_decode | counter_lines
	take_fingerprint
	printf 'list placement\n%s\n' "$print"
	map_sizes
	neighbours
	watch_state
}

# map_sizes: of the maps that can become full: "NAME MAX_ENTRIES".
map_sizes() {
	local map
	echo "list maps"
	for map in services backends slots checks flows new_flows conntrack conntrack6 seats; do
		[[ ! -e $maps/$map ]] || echo "map show pinned $maps/$map"
	done | { bpftool -j batch file - 2>/dev/null || true; } |
		jq -r '.[].output | "\(.name) \(if .name == "slots" then 2 * .max_entries else .max_entries end)"' # two in each
}

# neighbours: the next hops, and what the kernel knows.
neighbours() {
	local addresses
	echo "list hops"
	mapfile -t addresses < <(listed_addresses)
	routes "${addresses[@]}" | grep '^hop ' || true
	echo "list neighbours"
	ip neigh show
}

# watch_state: whether lb watch runs, and what its checks have found.
watch_state() {
	local watching=0
	[[ ! -d $rounds ]] || flock -sn "$rounds" true || watching=1
	printf 'list watch\n%s\n' "$watching"
	[[ $watching == 0 || ! -e $rounds/durations ]] || {
		echo "list durations"
		cat "$rounds/durations"
	}
}

# nat_metrics: what the NAT mode has beside.
nat_metrics() {
	echo "list nat_ports"
	settings nat '.last_port - .first_port + 1'
	echo "list nat_events"
	dump nat_events | nat_events_decode | counter_lines
}

# write_metrics FILE: for the textfile collector of node_exporter. Whoever reads the file finds all of it. If there is
# nothing to write, the file goes: old figures would look like new ones.
write_metrics() {
	local new=$1.$$
	[[ -d $(dirname "$1") && ! -d $1 ]] || die "there is no folder for the file $1; node_exporter's is /var/lib/prometheus/node-exporter"
	if "$self" metrics text >"$new" && chmod 644 "$new" && mv "$new" "$1"; then return; fi
	rm -f "$new" "$1"
	exit 1
}

# answer_http: one HTTP request on standard input.
answer_http() {
	local request='' line format=text type='text/plain; version=0.0.4' lines=0
	IFS= read -r -t 10 -n 8192 request || true
	while ((lines++ < 200)) && IFS= read -r -t 10 -n 8192 line && [[ -n ${line%$'\r'} ]]; do
		[[ ${line,,} != accept:*application/openmetrics-text* ]] || format='' type='application/openmetrics-text; version=1.0.0'
	done
	body=$(mktemp)
	trap 'rm -f "$body" "$body.why"' EXIT # also if whoever asked has gone
	case ${request%$'\r'} in
	"GET /metrics HTTP/1."* | "GET /metrics?"*" HTTP/1."*)
		if "$self" metrics $format >"$body" 2>"$body.why"; then
			reply "200 OK" "$type"
		else
			cat "$body.why" >&2
			mv "$body.why" "$body"
			reply "503 Service Unavailable" text/plain
		fi
		;;
	"GET "*)
		echo "It is at /metrics." >"$body"
		reply "404 Not Found" text/plain
		;;
	*)
		echo "GET /metrics is all that is answered." >"$body"
		reply "405 Method Not Allowed" text/plain
		;;
	esac
}

# reply STATUS TYPE: with what is in the file $body.
reply() {
	printf 'HTTP/1.1 %s\r\nContent-Type: %s; charset=utf-8\r\nContent-Length: %s\r\nAllow: GET\r\nConnection: close\r\n\r\n' \
		"$1" "$2" "$(stat -c %s "$body")"
	cat "$body"
}
