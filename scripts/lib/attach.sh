# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# attach: the program on a device. Sourced by lb.

is_ours() {
	[[ $1 =~ ^xdp_(nat|l2dsr|ipip|decap)$ ]]
}

# read_device DEV: sets dev, and xdp_id, xdp_name and xdp_flavour to what runs there; empty if nothing does.
read_device() {
	local link
	link=$(ip -j -d link show dev "$1" 2>/dev/null) ||
		die "there is no device $1; 'ip -br link' lists those that are there"
	dev=$(jq -r '.[0].ifname' <<<"$link") # which may have been an altname
	read -r xdp_id xdp_name xdp_flavour < <(jq -r '.[0].xdp // empty
		| "\(.prog.id) \(.prog.name // "?") \({"1": "xdpdrv", "2": "xdpgeneric", "3": "xdpoffload"}[.mode | tostring] // "xdp")"' \
		<<<"$link") || xdp_id='' xdp_name='' xdp_flavour=''
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
	[[ -n $xdp_id ]] || return 0
	is_ours "$xdp_name" ||
		die "another XDP program ($xdp_name, id $xdp_id) runs on $dev; if nobody needs it: ip link set dev $dev $xdp_flavour off"
	[[ $xdp_name == "xdp_$1" ]] ||
		die "$dev runs $xdp_name; run: lb detach $dev"
	[[ $flavour == xdp || $flavour == "$xdp_flavour" ]] ||
		die "$dev runs $xdp_name in another way ($xdp_flavour); run: lb detach $dev"
	flavour=$xdp_flavour
}

# load_program MODE: on the device; if that fails, everything is as it was before, and the command ends.
load_program() {
	local before new error
	before=$(pins)
	if error=$(run ip -force link set dev "$dev" "$flavour" obj "$repo/bpf/xdp_$1.o" sec xdp.frags 2>&1); then
		[[ -z $error ]] || echo "$error"
		return
	fi
	mapfile -t new < <(comm -13 <(sort <<<"$before") <(pins | sort))
	remove_pins "${new[@]}"
	case $error in
	*mismatch*) error+=$'\n'"The maps of an older version are pinned; run: lb detach $dev; or, if it runs as a unit: systemctl restart xdp-lb. Both end connections" ;;
	*generic*native* | *"not supported"*) error+=$'\n'"Does the driver of $dev know XDP? Try: lb attach $1 $dev generic" ;;
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
	is_ours "xdp_$mode" || die "'$mode' is no mode; take nat, l2dsr, ipip or decap"
	take_lock
	[[ -e $repo/bpf/xdp_$mode.o ]] || die "$repo/bpf/xdp_$mode.o is not built; run: make -C $repo"
	read_device "$2"
	check_device "$mode" "$flavour"
	load_program "$mode"
	note "xdp_$mode attached to $dev" "DEVICE=$dev" "OLD=${xdp_name:-none}" "NEW=xdp_$mode"
	[[ $mode != decap && -z $dry ]] || return 0
	introduce "$dev"
	need_configuration
	[[ $mode != nat ]] || introduce_nat
}

# address_of DEV: its first IPv4 address, if it has one.
address_of() {
	ip -j -4 addr show dev "$1" scope global | jq -r '.[0].addr_info[0].local // empty'
}

# introduce DEV: the load balancer learns who it is, unless it knows.
introduce() {
	local own
	[[ $(cat "/proc/sys/net/ipv4/conf/$1/forwarding") == 1 ]] ||
		warn "$1 does not forward, so every packet would be dropped as forwarding_off; run: sysctl -w net.ipv4.ip_forward=1"
	[[ $(settings load_balancer .address -r) == 0.0.0.0 ]] || return 0
	own=$(address_of "$1")
	[[ -n $own ]] || {
		warn "$1 has no IPv4 address to send from; run: lb set address ADDRESS"
		own=0.0.0.0
	}
	# shellcheck disable=SC2046 # bytes
	update load_balancer key $(u32 0) value $(load_balancer "$own" "$(random_hash_key)" 0 "$DEFAULT_WINDOW")
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
	local pin name used of
	used=$(jq -s --argjson on "$(ip -j -d link | jq --arg dev "$1" --arg probes "$probe_device" '[.[] | select(.ifname != $dev and .ifname != $probes).xdp.prog.id // empty]')" \
		'.[0] | [.[] | select(.id as $id | any($on[]; . == $id)) | .map_ids // [] | .[]]' <(bpftool -j prog show))
	for pin in $(pins); do
		name=${pin##*/}
		[[ -e $repo/maps/$name.sh ]] || continue # the headers are not installed
		# No program has the builder's own: they belong to the services.
		of=$pin
		[[ " ${own_maps[*]} " != *" $name "* ]] || of=$maps/services
		bpftool -j map show pinned "$of" |
			jq -e --argjson used "$used" '.id as $id | all($used[]; . != $id)' >/dev/null && echo "$pin"
	done
	return 0
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
