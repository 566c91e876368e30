# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# watch: lb watch: checks the backends, and heals what stands still. Sourced by lb.
#
# It is a loop of turns. A turn is watch.jq: what is known and what has just been heard -> what is to be done. Probes are
# sent in rounds: all that is due at a moment, by one curl for up to 250 of them. A round is a process of its own, and
# says through the pipe `events` when it is over. The kernel's news (ip monitor) come through the same pipe.
# Nothing of this is in a packet's way: if it is killed, everything stays as the last round has found it.

rounds=/run/xdp-lb/watch # files of the rounds that are under way

# uptime_now: sets now to seconds since boot: a clock that nobody sets.
uptime_now() {
	read -r now _ </proc/uptime
}

# the_only_one: there is one watch on a machine.
the_only_one() {
	local pid=''
	mkdir -p "$rounds" 2>/dev/null || die "the folder $rounds cannot be made"
	exec {watching}<"$rounds"
	flock -n "$watching" || {
		read -r pid <"$rounds/pid" || true
		die "another lb watch is running${pid:+ (process $pid)}; one is enough"
	}
	rm -rf "${rounds:?}"/* # of one that was killed
	echo $$ >"$rounds/pid"
}

# ---- What is there ----

# notice_configuration: sets configuration to JSON if it is another one than before, else to null. What changes by itself,
# the last word of a service's line, does not count.
notice_configuration() {
	local text
	[[ -e $maps/services ]] || die "the load balancer was taken off this machine; there is nothing to watch any more"
	text=$(
		sed 's/ [0-9]*$//' "$lists/services"
		cat "$lists/backends"
		[[ ! -e $lists/checks ]] || cat "$lists/checks"
	) 2>/dev/null || text=''
	configuration=null
	[[ $text != "$configuration_text" || -z $text ]] || return 0
	need_configuration # which makes the lists anew, if the maps are others
	configuration=$(configured 'configuration | map(select(.checks != []))' -c)
	configuration_text=$text
	need_tools
}

# need_tools: says once which tool for the checks is missing; those checks fail.
need_tools() {
	local tool
	for tool in dns:dig udp:socat; do
		[[ $configuration != *"\"kind\":\"${tool%:*}\""* || $missing == *"$tool"* ]] || command -v "${tool#*:}" >/dev/null || {
			missing+=" $tool"
			warn "${tool#*:} is not installed: check ${tool%:*} fails; run $repo/scripts/deps lab"
		}
	done
}

# ---- A turn ----

# take_turn: gives watch.jq what is new, and does what it says.
take_turn() {
	local line lines round places='' deadline
	uptime_now
	mapfile -t lines < <(printf '%s\n' "$state" "$configuration" |
		stage "include \"watch\"; turn(\$results; \$finished; $now; $road; $probe_limits; \$bodies)" -nr \
			--rawfile results <(results_of "${finished[@]}") --argjson finished "[$(IFS=, && echo "${finished[*]}")]" \
			--arg bodies "$rounds" | file_round)
	[[ ${#lines[@]} -gt 0 ]] || die "this cannot be worked out; please report it, with: lb service show"
	for round in "${finished[@]}"; do rm -rf "$rounds/$round".*; done
	finished=() suspects=() round=''
	for line in "${lines[@]}"; do
		case ${line%% *} in
		state) state=${line#state } ;;
		next) next=${line#next } ;;
		say) warn "${line#say }" ;;
		change) apply_health "${line#change }" ;;
		suspect) suspects+=("${line#suspect }") ;;
		map) places+="map update pinned $maps/probes ${line#map }"$'\n' ;;
		round) read -r _ round deadline <<<"$line" ;;
		esac
	done
	[[ -z $places ]] || bpftool batch file - <<<"$places" >/dev/null 2>&1 || true
	[[ -z $round ]] || begin_round "$round" "$deadline"
}

# file_round: the lines of a turn, without those of a round: each of them goes to its file.
file_round() {
	awk -v folder="$rounds" '
		$1 == "round" { round = folder "/" $2; file = 0 }
		$0 == "curl" { file++; next }
		match($0, /^(curl|run|match) /) {
			name = round "." $1 ($1 == "curl" ? "." file : "")
			print substr($0, RLENGTH + 1) >name
			next
		}
		{ print }'
}

# apply_health JSON: what checks have found, into the maps: all of it in one go, as any other command. If that cannot be
# now, the next turn tries it again.
apply_health() {
	(
		take_lock
		need_configuration
		plan health cat <<<"$1"
		carry_out
	) || warn "what the checks have found cannot be applied now; it will be tried again"
	configuration_text=again
}

# ---- Rounds ----

# begin_round N SECONDS: which is over after so many seconds, whatever has become of it.
begin_round() {
	ends[$1]=$((${now%.*} + $2 + 1))
	run_round "$1" {watching}>&- </dev/null &
}

# run_round N: all probes of a round, side by side. What they print goes to N.results.*
run_round() {
	local file words text n bodies
	trap - INT TERM HUP EXIT
	for file in "$rounds/$1".curl.*; do
		[[ ! -e $file ]] ||
			in_road timeout -s KILL 3700 curl -q --parallel --parallel-immediate --parallel-max 250 -K "$file" \
				>/dev/null 2>"$rounds/$1.results.${file##*.}" &
	done
	if [[ -e $rounds/$1.run ]]; then
		while IFS=$'\t' read -r -a words; do
			for n in "${!words[@]}"; do printf -v 'words[n]' %b "${words[n]}"; done
			run_probe "${words[@]}" >>"$rounds/$1.results.run" 2>/dev/null &
		done <"$rounds/$1.run"
	fi
	wait
	if [[ -e $rounds/$1.match ]]; then
		while IFS=$'\t' read -r text bodies; do
			printf -v text %b "$text"
			for n in $bodies; do [[ ! -e $rounds/body.$n ]] || echo "$rounds/body.$n"; done |
				xargs -r grep -laF -e "$text" | sed 's/.*\./matched /' >>"$rounds/$1.results.match" || true
			for n in $bodies; do rm -f "$rounds/body.$n"; done
		done <"$rounds/$1.match"
	fi
	echo "round $1" >&"$events"
}

# results_of N...: what these rounds have found.
results_of() {
	local round
	for round; do
		cat "$rounds/$round".results.* 2>/dev/null || true
	done
}

# end_rounds: those whose time is over are finished, too.
end_rounds() {
	local round
	for round in "${!ends[@]}"; do
		((${now%.*} <= ends[round])) || finish_round "$round"
	done
}

finish_round() {
	[[ -n ${ends[$1]-} ]] || return 0
	unset "ends[$1]"
	finished+=("$1")
}

# ---- News ----

# wait_for_news SECONDS: until then, or until a round is over, or the kernel tells something.
wait_for_news() {
	local line wait=$1 i
	[[ $wait != -* ]] || wait=0.001
	for ((i = 0; i < 1000; i++)); do
		IFS= read -r -t "$wait" -u "$events" line || break
		case $line in
		"round "*)
			finish_round "${line#round }"
			wait=0.001 # what else has come by now
			;;
		*)
			news "$line"
			[[ -z $stands_still ]] || wait=0.05
			;;
		esac
	done
	uptime_now
	end_rounds
}

# ---- The loop ----

# watch: until it is told to stop.
watch() {
	local state=null configuration=null configuration_text='' next=0 missing='' now watching events suspects=() finished=() ends=() mode stop=''
	local asked_at=0 next_hop=0 hops=() road=1 probe_limits="{first: $FIRST_PROBE_PORT, ports: $PROBE_PORTS, probes: $MAX_PROBES}"
	no_more "$@"
	check_machine
	for tool in curl:curl ethtool:ethtool setpriv:util-linux unshare:util-linux nsenter:util-linux arping:iputils-arping; do
		command -v "${tool%:*}" >/dev/null || die "${tool%:*} is not installed (package ${tool#*:}); run $repo/scripts/deps lab"
	done
	need_maps services
	need_configuration
	mode=$(mode_of_maps)
	[[ -n $mode ]] || die "no load balancer's program is on a device; run: lb attach MODE DEV"
	[[ $mode != xdp_nat ]] || road=0
	the_only_one
	[[ $own != 0.0.0.0 ]] || die "the load balancer has no address to check from; run: lb set address ADDRESS"
	exec {events}<> <(:)
	trap stop=1 INT TERM HUP
	trap leave_road EXIT
	build_road "$mode"
	listen
	stands_still=1
	echo "lb: watching; $(jq -nr --argjson all "$(configured '[configuration[] | select(.checks != [])]' -c)" '"\($all | length) services with checks, \([$all[].backends[]] | length) backends"')"
	while [[ -z $stop ]]; do
		uptime_now
		heal
		notice_configuration
		take_turn
		ask_hops
		wait_for_news "$(earlier "$next" 1)"
	done
}

# earlier SECONDS SECONDS: the smaller one of two numbers with decimals.
earlier() {
	if [[ ${1%%.*} -ge $2 ]]; then echo "$2"; else echo "$1"; fi
}
