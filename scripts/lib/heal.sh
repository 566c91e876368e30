# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# heal: what lb watch does when the kernel tells of a change: links, addresses, routes and MAC addresses of next hops.
# It is what `lb refresh` does, at most once a second. Sourced by lb.

declare -gA macs=() devices=() forwards=()
stands_still='' # 1: something has changed that packets may stumble over
healed_at=0     # when that was last looked at
listener=''     # the process that tells of changes

# listen: has the kernel tell what changes.
listen() {
	setpriv --pdeathsig KILL ip -4 monitor link address route neigh >&"$events" 2>/dev/null </dev/null {watching}>&- &
	listener=$!
}

# news LINE: of ip monitor.
news() {
	local address dev key mac
	if [[ $1 =~ ^(Deleted )?([0-9.]+)\ dev\ ([^ ]+)( |$) ]]; then
		# A neighbour: one that next hops do not need, or that has not changed, is no news.
		key="${BASH_REMATCH[2]} ${BASH_REMATCH[3]}"
		[[ -n ${macs[$key]-} ]] || return 0
		if [[ -n ${BASH_REMATCH[1]} ]]; then
			macs[$key]=none
		elif [[ $1 =~ \ lladdr\ ([0-9a-f:]+) ]]; then
			[[ ${macs[$key]} != "${BASH_REMATCH[1]}" ]] || return 0
			[[ ${macs[$key]} == none ]] ||
				log 5 "${key% *} on ${key#* } has another MAC address now: ${BASH_REMATCH[1]}" "DEVICE=${key#* }" "OLD=${macs[$key]}" \
					"NEW=${BASH_REMATCH[1]}"
			macs[$key]=${BASH_REMATCH[1]}
		else
			return 0
		fi
	elif [[ $1 == *"$probe_device"* || $1 == " "* ]]; then
		return 0 # our own, or the rest of a message
	fi
	stands_still=1
}

# heal: if something has changed, and not more often than once a second: next hops are found anew, and programs are where
# they were.
heal() {
	local hop mac
	watch_forwarding
	[[ -n $stands_still && ${now%.*} -gt $healed_at ]] || return 0
	stands_still='' healed_at=${now%.*}
	watch_devices
	mapfile -t hops < <(find_hops)
	macs=()
	for hop in "${hops[@]}"; do macs[$hop]=none; done
	while read -r hop mac; do
		[[ -z ${macs[${hop/|/ }]-} ]] || macs[${hop/|/ }]=$mac
	done < <(ip -4 neigh show | awk '$4 == "lladdr" { print $1 "|" $3, $5 }')
}

# find_hops: what lb refresh does, but it does not wait; prints the next hops, as "ADDRESS DEV".
find_hops() (
	local addresses
	take_lock
	need_configuration
	mapfile -t addresses < <(listed_addresses)
	keep_neighbours "${addresses[@]}"
	outdate_nexthops
	[[ ${#kept[@]} -eq 0 ]] || printf '%s\n' "${kept[@]}"
)

# ask_hops: asks for the MAC addresses of some next hops by ARP, once a second; first of those whose backends have just
# not passed a check. The kernel learns from the answers: a MAC address that has changed is noticed by this, not after
# the half minute for which the kernel trusts it.
ask_hops() {
	local hop suspect some=() i
	for suspect in "${suspects[@]}"; do
		for hop in "${hops[@]}"; do
			[[ $hop != "$suspect "* ]] || some+=("$hop")
		done
	done
	suspects=()
	if [[ ${now%.*} -gt $asked_at ]]; then
		asked_at=${now%.*}
		for ((i = 0; i < 16 && i < ${#hops[@]}; i++)); do
			some+=("${hops[(next_hop + i) % ${#hops[@]}]}")
		done
		next_hop=$((next_hop + i))
	fi
	for hop in "${some[@]:0:48}"; do
		arping -q -c 1 -w 1 -I "${hop#* }" "${hop% *}" </dev/null >/dev/null 2>&1 {watching}>&- {events}>&- &
	done
}

# watch_devices: the devices that our programs are on, by number: "MODE FLAVOUR NAME". One that was taken off comes on
# again; a name that has changed, or a device that is gone, is the administrator's.
watch_devices() {
	local index mode flavour name old
	declare -A there=()
	while read -r index name mode flavour; do
		there[$index]="$mode $flavour $name"
	done < <(ip -j -d link | jq -r --arg not "$probe_device" '.[] | select(.ifname != $not)
		| "\(.ifindex) \(.ifname) \(.xdp.prog.name // "-" | rtrimstr("_frags")) \({"1": "xdpdrv", "2": "xdpgeneric"}[.xdp.mode // 0 | tostring] // "xdp")"')
	for index in "${!there[@]}"; do
		read -r mode flavour name <<<"${there[$index]}"
		old=${devices[$index]-}
		if [[ $mode =~ ^xdp_(nat|l2dsr|ipip)$ ]]; then
			[[ -z $old || ${old##* } == "$name" ]] || log 5 "${old##* } is called $name now; packets go on" "DEVICE=$name" "OLD=${old##* }" "NEW=$name"
			devices[$index]="$mode $flavour $name"
		elif [[ -n $old && $mode == - ]]; then
			attach_again "$index" "$name" || unset "devices[$index]"
		elif [[ -n $old ]]; then
			log 3 "another program ($mode) is on $name instead of ${old%% *}; it stays. Packets are not balanced there" \
				"DEVICE=$name" "OLD=${old%% *}" "NEW=$mode"
			unset "devices[$index]"
		fi
	done
	for index in "${!devices[@]}"; do
		[[ -z ${there[$index]-} ]] || continue
		log 3 "the device ${devices[$index]##* } is gone, and ${devices[$index]%% *} with it" "DEVICE=${devices[$index]##* }" \
			"OLD=${devices[$index]%% *}" NEW=none
		unset "devices[$index]"
	done
}

# attach_again INDEX NAME: the program that was there, unless it was `lb detach` that took it off.
attach_again() (
	local mode flavour error
	read -r mode flavour _ <<<"${devices[$1]}"
	take_lock # lb detach has come to its end
	if [[ -e $rounds/detached.$1 || ! -e $maps/services ]]; then
		rm -f "$rounds/detached.$1"
		exit 1
	fi
	log 4 "$mode was taken off $2; it comes on again. To end it: lb detach $2" "DEVICE=$2" OLD=none "NEW=$mode"
	error=$(ip -force link set dev "$2" "$flavour" obj "$repo/bpf/$mode.o" sec xdp.frags 2>&1) ||
		log 3 "it does not come on again: $error" "DEVICE=$2" "OLD=$mode" NEW=none "WHY=$error"
)

# watch_forwarding: the kernel routes for us; whether it may is the administrator's decision.
watch_forwarding() {
	local index name may
	for index in "${!devices[@]}"; do
		name=${devices[$index]##* }
		read -r may 2>/dev/null <"/proc/sys/net/ipv4/conf/$name/forwarding" || continue # it has another name by now
		[[ ${forwards[$index]-1} != "$may" ]] || continue
		forwards[$index]=$may
		if [[ $may == 0 ]]; then
			log 2 "$name DOES NOT FORWARD any more: packets are dropped as forwarding_off; run: sysctl -w net.ipv4.ip_forward=1" \
				"DEVICE=$name" OLD=forwarding NEW=forwarding_off
		else
			log 5 "$name forwards again" "DEVICE=$name" OLD=forwarding_off NEW=forwarding
		fi
	done
}
