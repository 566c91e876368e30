# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# attach: the program on a device. Sourced by lb.

is_ours() {
	[[ $1 =~ ^xdp_($modes)$ ]]
}

# read_device DEV: sets dev (the word may have been an altname), kind, below (the device of a VLAN), port_of (bond, bridge)
# and master; and xdp_id, xdp_name and xdp_flavour to what runs there; empty if nothing does.
read_device() {
	local link
	link=$(ip -j -d link show dev "$1" 2>/dev/null) ||
		die "there is no device $1; 'ip -br link' lists those that are there"
	read -r dev kind below port_of master xdp_id xdp_name xdp_flavour < <(jq -r '.[0]
		| "\(.ifname) \(.linkinfo.info_kind // "-") \(.link // "-") \(.linkinfo.info_slave_kind // "-") \(.master // "-") "
		+ ((.xdp // {} | select(.prog)
			| "\(.prog.id) \(.prog.name // "?") \({"1": "xdpdrv", "2": "xdpgeneric", "3": "xdpoffload"}[.mode | tostring] // "xdp")") // "")' <<<"$link")
	# A program of several sections is still the same program.
	xdp_name=${xdp_name%_frags}
}

# pins: of all maps. The services come first: without them, what else is left means nothing.
pins() {
	local pin
	for pin in "$maps/services" "$maps"/*; do
		[[ ! -e $pin ]] || echo "$pin"
	done | awk '!seen[$0]++'
}

# remove_pins PIN...: and all lists, some of which are of maps that go. Who needs the others makes them anew.
remove_pins() {
	local pin
	[[ -n $dry ]] || rm -f "$bpffs"/xdp/xdp_{maglev,settle} # of a command that was killed
	for pin; do
		run rm -f "$pin"
	done
	[[ -n $dry || $# -eq 0 ]] || remove_lists
}

# check_device MODE FLAVOUR: whether what runs on the device (see read_device) can be replaced. Sets flavour to how.
check_device() {
	flavour=$2
	if [[ -z $xdp_id ]]; then
		[[ $flavour != xdp ]] || check_place "$1"
		return 0
	fi
	is_ours "$xdp_name" || die "$(other_program)"
	# What unwraps may become the other one that does: they have the same maps.
	[[ $xdp_name == "xdp_$1" || ($xdp_name =~ ^xdp_($unwrappers)$ && $1 =~ ^($unwrappers)$) ]] ||
		die "$dev runs $xdp_name; run: lb detach $dev"
	[[ $flavour == xdp || $flavour == "$xdp_flavour" ]] ||
		die "$dev runs $xdp_name in another way ($xdp_flavour); run: lb detach $dev"
	flavour=$xdp_flavour
}

# first_map MODE: prints the name of a map that every program of the mode has, and whose types are those of all of them.
first_map() {
	if [[ $1 == decap ]]; then echo decap_addresses; else echo backends; fi
}

# other_layouts MODE: prints the structs in the maps that are pinned which are others in the program's object: the kernel would
# not notice, as long as they have the same size.
other_layouts() {
	local map id
	map=$maps/$(first_map "$1")
	[[ -e $map ]] || return 0
	id=$(bpftool -j map show pinned "$map" | jq '.btf_id // 0')
	[[ $id -gt 0 ]] || return 0 # made by a program without types
	{ bpftool -j btf dump id "$id" && bpftool -j btf dump file "$repo/bpf/xdp_$1.o"; } 2>/dev/null |
		stage 'include "layout"; other_layouts' -rs | paste -sd ' ' || true
}

# older_maps: what to do about maps that another version has made.
older_maps() {
	echo "The maps of an older version are pinned, and this one cannot use them; nothing was changed. Without breaking connections: take this machine out of the" \
		"traffic first (README.md, A new version). Then: lb detach $dev; or, if it runs as a unit: systemctl restart xdp-lb. Both end connections"
}

# load_program MODE: on the device; if that fails, everything is as it was before, and the command ends.
load_program() {
	local before new error others
	before=$(pins)
	others=$(other_layouts "$1")
	[[ -z $others ]] || die "$dev does not take the program: in the maps, these structs are laid out in another way: $others"$'\n'"$(older_maps)"
	if error=$(run ip -force link set dev "$dev" "$flavour" obj "$repo/bpf/xdp_$1.o" sec xdp.frags 2>&1); then
		[[ -z $error ]] || echo "$error"
		return
	fi
	mapfile -t new < <(comm -13 <(sort <<<"$before") <(pins | sort))
	remove_pins "${new[@]}"
	case $error in
	*mismatch*)
		error+=$'\n'$(older_maps)
		;;
	*) error+=$'\n'$(advise "$1" "$error") ;;
	esac
	die "$dev does not take the program: $error"
}

# attach MODE DEV [native|generic]
attach() {
	local mode=${1-} flavour=xdp
	[[ $# -ge 2 ]] || usage "attach what to which device?"
	case ${3-} in
	'') ;;
	native) flavour=xdpdrv ;;
	generic) flavour=xdpgeneric ;;
	*) usage "'$3' is no way to attach; take native or generic" ;;
	esac
	no_more "${@:4}"
	is_ours "xdp_$mode" || die "'$mode' is no mode; take $some_modes, decap or relay"
	take_lock
	[[ -e $repo/bpf/xdp_$mode.o ]] || die "$repo/bpf/xdp_$mode.o is not built; run: make -C $repo"
	read_device "$2"
	check_device "$mode" "$flavour"
	load_program "$mode"
	keep_links
	note "xdp_$mode attached to $dev" "DEVICE=$dev" "OLD=${xdp_name:-none}" "NEW=xdp_$mode"
	[[ $mode != decap && -z $dry ]] || return 0
	introduce "$dev" "$([[ $mode != relay ]] || echo backend)"
	need_configuration
	[[ $mode != nat ]] || introduce_nat
}

# address_of DEV FAMILY: an address of it that this machine can send from, if it has one. Not one that is a VIP by its
# length, if there is another one; of IPv6, none that shall not be used any more, or that changes by itself.
address_of() {
	ip -j -"$2" addr show dev "$1" scope global 2>/dev/null | jq -r '[.[].addr_info[]?
			| select([.tentative, .dadfailed, .deprecated, .temporary] | any | not)]
		| sort_by(.prefixlen == 32 or .prefixlen == 128)[0].local // empty'
}

# settled_address_of DEV: its IPv6 address. The kernel asks for a second or two whether somebody else has it.
settled_address_of() {
	local tries
	for ((tries = 0; tries < 30; tries++)); do
		[[ -n $(ip -6 addr show dev "$1" scope global tentative -dadfailed 2>/dev/null) ]] || break
		sleep 0.1
	done
	address_of "$1" 6
}

# introduce DEV [FLAGS]: the load balancer learns who it is, as far as it does not know.
introduce() {
	local own own6 address address6 is_new
	read -r address address6 is_new < <(settings load_balancer '"\(.address) \(.address6) \(.hash_key | all(. == 0))"' -r)
	own=$address own6=$address6
	[[ $own != 0.0.0.0 ]] || own=$(address_of "$1" 4)
	[[ $own6 != :: ]] || own6=$(settled_address_of "$1")
	[[ -n $own$own6 ]] || warn "$1 has no address to send from; run: lb set address ADDRESS"
	warn_of_forwarding "$1" "$own" "$own6"
	own=${own:-0.0.0.0} own6=${own6:-::}
	if [[ $is_new == true ]]; then
		# shellcheck disable=SC2046 # bytes
		update load_balancer key $(u32 0) value $(load_balancer "$own" "$(random_hash_key)" "${2:-0}" "$DEFAULT_WINDOW" "$own6")
	elif [[ "$own $own6" != "$address $address6" ]]; then
		# shellcheck disable=SC2046 # bytes
		update load_balancer key $(u32 0) value $(settings load_balancer "decimal as \$hex | . + {address: \$own, address6: \$own6} | $(encoder load_balancer)" -r \
			--arg own "$own" --arg own6 "$own6")
		tell_watch
	fi
}

# warn_of_forwarding DEV OWN OWN6: of a family that is in use, because this machine has an address of it.
warn_of_forwarding() {
	local first=''
	[[ -z $2 && -n $3 || $(<"/proc/sys/net/ipv4/conf/$1/forwarding") == 1 ]] ||
		warn "$1 does not forward, so every packet would be dropped as forwarding_off; run: sysctl -w net.ipv4.ip_forward=1"
	[[ -n $3 && -e /proc/sys/net/ipv6/conf/$1/forwarding && $(<"/proc/sys/net/ipv6/conf/$1/forwarding") != 1 ]] || return 0
	# A router does not listen to others, unless it is told to: it would lose its default route.
	[[ -z $(ip -6 route show dev "$1" proto ra) ]] || first="net.ipv6.conf.$1.accept_ra=2 "
	warn "$1 does not forward IPv6, so every packet to a backend of IPv6 would be dropped as forwarding_off; run: sysctl -w ${first}net.ipv6.conf.all.forwarding=1"
}

# introduce_nat: the default settings, unless there are some; and the way back to the clients.
introduce_nat() {
	# shellcheck disable=SC2046 # bytes
	[[ $(settings nat .last_port) -ne 0 ]] || update nat key $(u32 0) value $(nat "${NAT_DEFAULTS[@]}")
	warn_of_ports
	keep_neighbours
}

# stale_pins DEV: those of our maps that no program uses, but for the one on this device, and that of lb watch (probes.sh).
stale_pins() {
	local pin name of
	for pin in $(pins); do
		name=${pin##*/}
		[[ -e $repo/maps/$name.sh ]] || continue # the headers are not installed
		# No program has the builder's own: they belong to the services.
		of=$pin
		[[ " ${own_maps[*]} " != *" $name "* ]] || of=$maps/services
		echo "$pin $(bpftool -j map show pinned "$of")"
	done | jq -nRr --arg dev "$1" --arg probes "$probe_device" --slurpfile links <(ip -j -d link) --slurpfile programs <(bpftool -j prog show) '
		[$links[0][] | select(.ifname != $dev and .ifname != $probes).xdp.prog.id // empty] as $on
		| [$programs[0][] | select(.id as $id | any($on[]; . == $id)) | .map_ids // [] | .[]] as $used
		| inputs | index(" ") as $at | (.[$at:] | fromjson.id) as $id
		| select(all($used[]; . != $id)) | .[:$at]'
}

detach() {
	local dev=${1-} stale
	[[ -n $dev ]] || usage "detach from which device?"
	no_more "${@:2}"
	take_lock
	read_device "$dev"
	mapfile -t stale < <(stale_pins "$dev")
	if [[ -n $xdp_id ]]; then
		is_ours "$xdp_name" || die "$xdp_name (id $xdp_id) on $dev is not ours; to take it off: ip link set dev $dev $xdp_flavour off"
		# What lb watch shall not heal.
		[[ -n $dry || ! -d $rounds ]] || echo >"$rounds/detached.$(<"/sys/class/net/$dev/ifindex")"
		# Packets find another way first.
		[[ " ${stale[*]} " != *" $maps/services "* ]] || withdraw "the program is taken off $dev"
		run ip link set dev "$dev" "$xdp_flavour" off
	elif [[ ${#stale[@]} -eq 0 ]]; then
		# A command that was killed, or a program that was taken off by hand, would have left pins.
		die "no XDP program runs on $dev; nothing to do"
	fi
	clear_maps "${stale[@]}"
	note "${xdp_name:-nothing} detached from $dev" "DEVICE=$dev" "OLD=${xdp_name:-none}" NEW=none
}

# clear_maps PIN...: of those that no program uses any more; and the kernel need not know the next hops any more.
clear_maps() {
	local stale=("$@") hops='' addresses
	# Maps of an older version cannot be read; they go all the same.
	if [[ " ${stale[*]} " == *" $maps/backends "* ]] && (need_configuration) >/dev/null 2>&1; then
		need_configuration
		mapfile -t addresses < <(listed_addresses)
		hops=$(routes "${addresses[@]}")
	fi
	remove_pins "${stale[@]}"
	drop_hops <<<"$hops"
}
