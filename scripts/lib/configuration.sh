# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# configuration: what is: services and backends, out of lists that the kernel prints (bpf/list_services.c and
# bpf/list_backends.c), because nearly all of the maps is empty; and other lists. Sourced by lb.

lists=$bpffs/xdp/lists
# Which map and which program a list is made of, if they are not all called the same; and among_maps, if the program looks
# into other maps, too.
declare -gA made_of=([traffic]="backends traffic among_maps" [shares]="services shares among_maps" [new_flows]="new_flows flows"
	[conntrack]="conntrack conntrack among_maps" [conntrack6]="conntrack6 conntrack6 among_maps")

# among_maps COMMAND...: runs it where $bpffs is the folder of the maps. There libbpf looks for maps that an object of a
# list defines, beside the map that is listed, and bpftool cannot tell it another place.
among_maps() {
	unshare --mount sh -c 'mount --bind ../globals "$0" && exec "$@"' "$bpffs" "$@"
}

# pin_list NAME: makes a list. It reads as text: cat /sys/fs/bpf/xdp/lists/services
pin_list() {
	local error map program wrapper
	read -r map program wrapper <<<"${made_of[$1]-$1 $1}"
	mkdir -p "$lists" 2>/dev/null || die "$lists cannot be made; if something else is there: rm -r $lists"
	[[ -e $repo/bpf/list_$program.o ]] || die "$repo/bpf/list_$program.o is not built; run: make -C $repo"
	rm -rf "${lists:?}/$1" # of maps that are gone
	error=$(cd "$lists" && $wrapper bpftool iter pin "$repo/bpf/list_$program.o" "$1" map pinned "../globals/$map" 2>&1) ||
		[[ -e $lists/$1 ]] || # another command was faster
		die "the kernel does not list the map of $map: $error"
}

# pin_lists SHOWN: makes those of services, backends, server_ids, limits, checks and prefixes (see are_listed). Of commands that come here at once, the
# first one does it.
pin_lists() {
	local turn list
	exec {turn}<"$maps"
	flock -w 30 "$turn" || die "another lb command has been making lists for 30 s; see: pgrep -af scripts/lb"
	if ! are_listed "$1"; then
		remove_lists # those of other maps, too
		pin_list services
		pin_list backends
		for list in server_ids limits; do
			[[ ! -e $maps/$list ]] || pin_list "$list" # a relay has none
		done
		[[ ! -e $maps/checks ]] || pin_list checks # no service has had any
		[[ ! -e $maps/prefixes ]] || pin_list prefixes
	fi
	exec {turn}<&-
}

# map_of NAME: sets map to the pin that a list is of.
map_of() {
	map=${made_of[$1]-$1}
	map=$maps/${map%% *}
}

# need_lists NAME...: sees to it that these lists are there, if their maps are. To be called after need_configuration.
need_lists() {
	local list map shown id
	shown=$(for list; do
		map_of "$list"
		[[ ! -e $map ]] || echo "map show pinned $map"
	done | bpftool -j batch file - 2>&1) || true
	for list; do
		map_of "$list"
		id=none
		if [[ ! -e $map ]]; then
			rm -rf "${lists:?}/$list"
		elif ! { read -r _ id <"$lists/$list"; } 2>/dev/null || [[ $shown != *"\"id\":$id,"* ]]; then
			pin_list "$list"
		fi
	done
}

# listed NAME: a list without its first line, which names the map; nothing, if there is none.
listed() {
	[[ ! -e $lists/$1 ]] || tail -n +2 "$lists/$1"
}

remove_lists() {
	rm -rf "$lists"
}

# are_listed: whether the lists are those of the maps that are pinned now, of which $1 is what bpftool shows.
are_listed() {
	local list type id
	for list in services:hash backends:array checks:hash prefixes:hash server_ids:hash limits:array; do
		type=${list#*:} list=${list%:*}
		[[ $list != @(checks|prefixes|server_ids|limits) || -e $maps/$list ]] || continue
		[[ -f $lists/$list ]] && read -r _ id <"$lists/$list" &&
			[[ $1 == *"\"id\":$id,\"type\":\"$type\",\"name\":\"$list\""* ]] || return 1
	done
}

# set_limits SLOTS BACKENDS: sets limits to what there is room for, with own, own6 and here (see plan.jq).
set_limits() {
	limits="{\"slots\":$1,\"backends\":$2,\"services\":$MAX_SERVICES,\"service_backends\":$MAX_SERVICE_BACKENDS,\"clients\":$MAX_CLIENTS,\"service_clients\":$MAX_SERVICE_CLIENTS,\"changes\":$MAX_COMMAND_CHANGES
		,\"own\":\"$own\",\"own6\":\"$own6\",\"here\":\"$here\"}"
}

# look_here: sets here to the addresses of this machine that a backend may have, " ADDRESS ADDRESS ... ": with NAT none,
# because answers of a server here would not pass the program.
look_here() {
	local address
	here=' '
	[[ ! -e $maps/conntrack ]] || return 0
	while read -r _ _ _ address _; do here+="${address%/*} "; done < <(ip -o addr)
}

# flag_words FLAGS N: sets own_flags to the words that the bits of N are, each between commas.
flag_words() {
	local word bit=1
	for word in ${FLAGS[$1]#* }; do
		(($2 & bit)) && own_flags+=$word,
		bit=$((2 * bit))
	done
	return 0
}

# need_configuration: sees to it that the lists are there, and sets own and own6 (this machine's addresses; 0.0.0.0 and ::
# are none), hash_key (as bpftool has it), own_flags (",debug," say), here (see look_here) and limits.
need_configuration() {
	local shown octets='' slots='' backends='' show_more=() text='' map
	need_maps services
	for map in checks prefixes server_ids limits; do
		[[ ! -e $maps/$map ]] || show_more+=("map show pinned $maps/$map")
	done
	# Its exit status says nothing: bpftool 7.1 fails at the end of a batch for what some command has left in errno.
	shown=$(printf '%s\n' "map show pinned $maps/"{services,backends,slots} \
		"${show_more[@]}" "map lookup pinned $maps/load_balancer key 0 0 0 0" | bpftool -j batch file - 2>&1) || true
	if [[ $shown =~ \"address6\":\{\"octets\":\[([0-9,]+)\] ]]; then
		IFS=, read -ra octets <<<"${BASH_REMATCH[1]}"
		ipv6_text "${octets[@]}"
	fi
	if [[ $shown =~ \"address\":\{\"octets\":\[([0-9]+),([0-9]+),([0-9]+),([0-9]+) ]]; then octets=("${BASH_REMATCH[@]:1}"); fi
	hash_key=''
	if [[ $shown =~ \"hash_key\":\[([0-9,]+)\] ]]; then hash_key=${BASH_REMATCH[1]}; fi
	own_flags=,
	if [[ $shown =~ \"hash_key\":\[[0-9,]*\],\"flags\":([0-9]+) ]]; then flag_words load_balancer_flags "${BASH_REMATCH[1]}"; fi
	if [[ $shown =~ \"name\":\"slots\",[^}]*\"max_entries\":([0-9]+) ]]; then slots=${BASH_REMATCH[1]}; fi
	if [[ $shown =~ \"name\":\"backends\",[^}]*\"max_entries\":([0-9]+) ]]; then backends=${BASH_REMATCH[1]}; fi
	[[ -n ${octets[*]} && -n $text && -n $slots && -n $backends && -n $hash_key ]] ||
		die "the maps in $maps cannot be read ($shown); if they are those of an older version: lb detach DEV"
	are_listed "$shown" || pin_lists "$shown"
	own=${octets[0]}.${octets[1]}.${octets[2]}.${octets[3]} own6=$text
	look_here
	set_limits $((2 * slots)) "$backends"
}

# configured FILTER [JQ_OPTION...]: a filter that may use configuration.jq, and so what is. It is the lists as they are
# now, or copies in the folder $lists.
configured() {
	local list file words=()
	# (For jq, limits is what there is room for.)
	for list in services backends checks prefixes server_ids limits; do
		file=$lists/$list
		[[ -e $file ]] || file=/dev/null
		words+=(--rawfile "${list/#limits/limits_of}" "$file")
	done
	stage "include \"configuration\"; $1" -n "${words[@]}" "${@:2}"
}

# listed_addresses: of all backends, each once.
listed_addresses() {
	listed backends | cut -d ' ' -f 3 | sort -u
}

# parse_text: services and backends on stdin as people write them -> JSON, see parse.jq.
parse_text() {
	stage 'include "parse"; parse_text' -cRs --arg max_slots "$MAX_SERVICE_SLOTS"
}

# parse_words LINE...: what was typed, as such a text. Sets `typed`.
parse_words() {
	typed=$(printf '%s\n' "$@")
}

# check_typed: whether it says something; if not, that ends the command.
check_typed() {
	local lines
	mapfile -t lines < <(parse_text <<<"$typed" | stage 'include "words"; answer(typed; empty)' -nr)
	accept
}
