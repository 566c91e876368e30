# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# watch: lb watch: checks the backends, and heals what stands still. Sourced by lb.
#
# It is a loop of turns. A turn is watch.jq: what is known and what has just been heard -> what is to be done. Probes are
# sent in rounds (rounds.sh). That a round is over comes through the pipe `events`, and so do the kernel's news (heal.sh).
# Nothing of this is in a packet's way: if it is killed, everything stays as the last round has found it.

# uptime_now: sets now to seconds since boot: a clock that nobody sets.
uptime_now() {
	read -r now _ </proc/uptime
}

# the_only_one: there is one watch on a machine.
the_only_one() {
	local pid=''
	mkdir -p "$rounds" 2>/dev/null || die "the folder $rounds cannot be made"
	exec {watching}<"$rounds"
	if ! flock -n "$watching"; then
		read -r pid <"$rounds/pid" || true
		# If it was killed, one of its children still finishes what it has begun.
		{ [[ -n $pid ]] && ! kill -0 "$pid" 2>/dev/null && flock -w 10 "$watching"; } ||
			die "another lb watch is running${pid:+ (process $pid)}; one is enough"
	fi
	rm -rf "${rounds:?}"/* # of one that was killed
	echo $$ >"$rounds/pid"
}

# ---- What is there ----

# notice_configuration: sets configuration to JSON if it is another one than before, else to null. What changes by itself,
# the last word of a service's line, does not count.
notice_configuration() {
	local services backends checks=() text
	[[ -e $maps/services ]] || die "the load balancer was taken off this machine; there is nothing to watch any more"
	{ mapfile services <"$lists/services" && mapfile backends <"$lists/backends"; } 2>/dev/null || configuration_text=again
	[[ ! -e $lists/checks ]] || mapfile checks <"$lists/checks"
	text="${services[*]% *} ${backends[*]} ${checks[*]}"
	configuration=null
	[[ $text != "$configuration_text" || -e $rounds/settings ]] || return 0
	rm -f "$rounds/settings" # of somebody who has said: lb set
	need_configuration       # which makes the lists anew, if the maps are others
	readdress_road
	announce_due=1
	configuration=$(configured 'configuration | map(select(.checks != []))' -c)
	configuration_text=$text
	# Whose routes are needed: those to the backends, and with NAT those back to the clients.
	text="${backends[*]} " families=''
	[[ $mode != xdp_nat ]] || text+=${services[*]% *}
	[[ $text != *.* ]] || families+='4'
	[[ $text != *:* ]] || families+='6'
	need_tools
	need_own_addresses
	watch_addresses
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

# need_own_addresses: probes come from our own address of the VIP's family. Without one, nothing can be learned of the
# backends: those services are left out, and that is said once, until there is one.
need_own_addresses() {
	local family some
	declare -A looks=([4]='"address":"[0-9]+\.' [6]='"address":"[0-9a-f]*:')
	[[ $road == 1 ]] || return 0
	for family in 4 6; do
		! has_own $family || {
			missing=${missing// address:$family/}
			continue
		}
		[[ $configuration =~ ${looks[$family]} ]] || continue # as nearly always
		some=$(jq -r --argjson family $family '[.[] | select((.address | contains(":")) == ($family == 6)).address] | unique | join(", ")' <<<"$configuration")
		[[ -n $some ]] || continue
		configuration=$(jq -c --argjson family $family 'map(select((.address | contains(":")) == ($family == 4)))' <<<"$configuration")
		[[ $missing != *" address:$family"* ]] || continue
		missing+=" address:$family"
		warn "the load balancer has no IPv$family address to check from: services of $some are not checked; run: lb set address ADDRESS"
	done
}

# ---- A turn ----

# start_mind: watch.jq, which knows and decides. If somebody kills it, all is forgotten but what the maps have.
start_mind() {
	if [[ -n ${told-} ]]; then
		warn "the process that decides was killed; it begins anew"
		exec {told}>&- {said}<&-
	fi
	ends=() finished=() next=0 configuration_text=again
	rm -f "$rounds"/[0-9]*
	{
		coproc MIND {
			stage "include \"watch\"; watch($road; {first: $FIRST_PROBE_PORT, ports: $PROBE_PORTS, probes: $MAX_PROBES, here4: \"$here4\", here6: \"$here6\"}; \$folder)" \
				-nRr --unbuffered --arg folder "$rounds" {watching}>&- {events}>&-
		}
	} 2>/dev/null
	# bash closes its own ends when the process is gone
	exec {told}>&"${MIND[1]}" {said}<&"${MIND[0]}"
}

# take_turn: tells watch.jq what is new, and does what it says.
take_turn() {
	local line round='' places='' deadline number heard='' sentences=()
	{
		[[ $configuration == null ]] || echo "configuration $configuration"
		[[ ${#finished[@]} -eq 0 ]] || results_of "${finished[@]}"
		echo "turn $now ${finished[*]}"
	} 1>&"$told" 2>/dev/null || true
	for round in "${finished[@]}"; do rm -f "$rounds/$round".*; done
	finished=() suspects=() round=''
	while IFS= read -r -t 30 -u "$said" line && [[ $line != end ]]; do
		case ${line%% *} in
		next) next=${line#next } ;;
		say) sentences+=("${line#say }") ;;
		change) apply_health "${line#change }" ;;
		suspect) suspects+=("${line#suspect }") ;;
		took) note_durations "${line#took }" ;;
		map) places+="map update pinned $maps/probes ${line#map }"$'\n' ;;
		order)
			line=${line#order } number=${line%% *}
			printf '%b\nnext\n' "${line#* }" >"$rounds/order.$number"
			;;
		round) read -r _ round deadline <<<"$line" ;;
		curl | run | match) echo "$line" >>"$rounds/$round.plan" ;;
		esac
	done
	[[ ${line-} != end ]] || heard=1
	for line in "${sentences[@]}"; do log_line "$line"; done # whoever reads it finds it in the maps
	[[ -z $places ]] || bpftool batch file - <<<"$places" >/dev/null 2>&1 || true
	[[ -z $round ]] || begin_round "$round" "$deadline"
	[[ -n $heard ]] || start_mind
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
	configuration_text=again announce_due=1
}

# ---- News ----

# centiseconds SECONDS: sets `centi`: what the clock can tell.
centiseconds() {
	local rest=00
	[[ $1 != *.* ]] || rest=${1#*.}0
	centi=$((10#${1%%.*} * 100 + 10#${rest:0:2}))
}

is_before() {
	local centi before
	centiseconds "$1"
	before=$centi
	centiseconds "$2"
	((before < centi))
}

# wait_for_news: until something is due, but a second at most; or until a round is over, or the kernel tells something.
wait_for_news() {
	local line centi from wait begun=''
	uptime_now
	centiseconds "$now"
	from=$centi
	centiseconds "$next"
	wait=$((centi - from))
	wait=$((wait < 1 ? 1 : wait > 100 ? 100 : wait))
	printf -v wait '%d.%02d' $((wait / 100)) $((wait % 100))
	# What else has come by now is heard, too; but for a tenth of a second at most, or a flood of news would hold up checks.
	while IFS= read -r -t "$wait" -u "$events" line; do
		begun=${begun:-${EPOCHREALTIME/[.,]/}}
		case $line in
		"round "*)
			finish_round "${line#round }"
			wait=0.001
			;;
		*)
			news "$line"
			[[ -z $stands_still ]] || wait=0.05
			;;
		esac
		((${EPOCHREALTIME/[.,]/} - begun < 100000)) || break
	done
	uptime_now
	end_rounds
}

# keep_helpers: those of our processes that must be there are made anew if somebody has killed them.
keep_helpers() {
	if ! kill -0 "$listener" 2>/dev/null; then
		listen
		stands_still=1
	fi
	[[ -z $road_keeper ]] || kill -0 "$road_keeper" 2>/dev/null || {
		warn "the namespace that probes come from is gone; it is made anew"
		build_road "$mode"
	}
}

# ---- The loop ----

# tell_systemd: that the first turn is done, and then every ten seconds that the loop still turns, if it wants to know.
tell_systemd() {
	[[ -n ${NOTIFY_SOCKET-} ]] || return 0
	if [[ -z $told_systemd ]]; then
		systemd-notify --ready || true
	elif [[ -n ${WATCHDOG_USEC-} ]] && ((${now%.*} - told_systemd >= 10)); then
		systemd-notify WATCHDOG=1 || true
	else
		return 0
	fi
	told_systemd=${now%.*}
}

# watch: until it is told to stop.
watch() {
	local tool mode stop='' now watching events                           # the loop
	local configuration=null configuration_text='' families='' missing='' # what is there
	local told='' said='' next=0 suspects=() finished=() ends=() road=1
	local told_systemd=''                         # when
	local announce_due='' announced_programs=none # for announce.sh
	local hops=() next_hop=0 asked_at=0           # for heal.sh
	no_more "$@"
	[[ -z $dry ]] || usage "watch acts on what it finds; --dry-run does not go with it"
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
	has_own 4 || has_own 6 || die "the load balancer has no address to check from; run: lb set address ADDRESS"
	exec {events}<> <(:)
	trap stop=1 INT TERM HUP
	trap '' PIPE # whoever was to be told something may be gone
	trap 'withdraw "lb watch ends"; leave_road; rm -rf "${rounds:?}"/*' EXIT
	build_road "$mode"
	listen
	start_mind
	stands_still=1
	echo "lb: watching; $(configured '[configuration[] | select(.checks != []) | .backends | length]
		| "services with checks: \(length), backends: \(add // 0)"' -r)"
	while [[ -z $stop ]]; do
		uptime_now
		log_rest
		keep_helpers
		heal
		notice_configuration
		if [[ ${#finished[@]} -gt 0 || $configuration != null ]] || ! is_before "$now" "$next"; then
			take_turn
		fi
		announce
		ask_hops
		tell_systemd
		wait_for_news
	done
}
