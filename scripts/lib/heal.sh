# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# heal: what lb watch does when the kernel tells of a change: links, addresses, routes and MAC addresses of next hops.
# It is what `lb refresh` does, at most once a second. Sourced by lb.

# MAC addresses of next hops, none if not known; and those that they had last.
declare -gA macs=() last_macs=()
declare -gA devices=() forwards=() addresses=() homes=()
stands_still='' # 1: something has changed that packets may stumble over
healed_at=0     # when that was last looked at
looked_at=0     # when MAC addresses were last read
listener=''     # the process that tells of changes

# listen: has the kernel tell what changes.
listen() {
	setpriv --pdeathsig KILL ip monitor link address route neigh >&"$events" 2>/dev/null </dev/null {watching}>&- &
	listener=$!
}

# is_neighbour LINE: of ip monitor: ADDRESS dev DEV, and then what is known of its MAC address. The route to a single
# address begins in the same way. Sets BASH_REMATCH: [1] "Deleted", [2] the address, [3] the device.
is_neighbour() {
	[[ $1 != *" scope "* && $1 != *" proto "* && $1 != *" metric "* && $1 =~ ^(Deleted )?([0-9a-f.:]+)\ dev\ ([^ ]+)( |$) ]]
}

# news LINE: of ip monitor.
news() {
	local key
	if is_neighbour "$1"; then
		key="${BASH_REMATCH[2]} ${BASH_REMATCH[3]}"
		neighbour_news "$1" "$key" "${BASH_REMATCH[1]}" || return 0
	elif [[ $1 == *"$probe_device"* || $1 == " "* ]]; then
		return 0 # our own, or the rest of a message
	elif [[ $1 == "Deleted "*" inet"* ]]; then
		unset "addresses[${1#Deleted }]"
	elif [[ $1 == *" inet"* ]]; then
		# A router tells of an IPv6 address again and again.
		[[ -z ${addresses[$1]-} ]] || return 0
		addresses[$1]=1
	fi
	stands_still=1
}

# neighbour_news LINE HOP DELETED: what it says of a next hop, "ADDRESS DEV". False if it is no news: of others, or the same.
neighbour_news() {
	local known=${macs[$2]-}
	[[ -n $known ]] || return 1
	if [[ -n $3 ]]; then
		macs[$2]=none
	elif [[ $1 =~ \ lladdr\ ([0-9a-f:]+) && $known != "${BASH_REMATCH[1]}" ]]; then
		learn_mac "$2" "${BASH_REMATCH[1]}"
	else
		# The kernel asks, or has given up. Of the answer it does not always tell: read_macs looks.
		[[ $1 == *" lladdr "* ]] || macs[$2]=none
		return 1
	fi
}

# learn_mac HOP MAC: it has this MAC address now.
learn_mac() {
	local before=${last_macs[$1]-$2}
	[[ $before == "$2" ]] ||
		log 5 "${1% *} on ${1#* } has another MAC address now: $2" "DEVICE=${1#* }" "OLD=$before" "NEW=$2"
	macs[$1]=$2 last_macs[$1]=$2
}

# heal: if something has changed, and not more often than once a second: next hops are found anew, and programs are where
# they were.
heal() {
	local hop
	watch_forwarding
	read_macs
	[[ -n $stands_still && ${now%.*} -gt $healed_at ]] || return 0
	stands_still='' healed_at=${now%.*}
	watch_devices
	watch_addresses
	mapfile -t hops < <(find_hops)
	macs=()
	for hop in "${hops[@]}"; do macs[$hop]=none; done
	looked_at=0
	read_macs
	[[ ${hops[*]} != *:* || $missing == *ndisc6* ]] || command -v ndisc6 >/dev/null || {
		missing+=" ndisc6"
		warn "ndisc6 is not installed: that a next hop of IPv6 has another MAC address is noticed half a minute later; run $repo/scripts/deps lab"
	}
}

# read_macs: those MAC addresses of next hops that the kernel has learned, if some were not known. (Not all of that is news.)
read_macs() {
	local hop mac
	[[ " ${macs[*]} " == *" none "* && ${now%.*} -gt $looked_at ]] || return 0
	looked_at=${now%.*}
	while read -r hop mac; do
		[[ ${macs[${hop/|/ }]-} != none ]] || learn_mac "${hop/|/ }" "$mac"
	done < <(ip neigh show | awk '$4 == "lladdr" { print $1 "|" $3, $5 }')
}

# find_hops: what lb refresh does, but it does not wait; prints the next hops, as "ADDRESS DEV".
find_hops() (
	local addresses
	take_lock
	need_configuration
	mapfile -t addresses < <(listed_addresses)
	keep_neighbours "${addresses[@]}"
	mark_backends >/dev/null
	keep_links
	outdate_nexthops
	[[ ${#kept[@]} -eq 0 ]] || printf '%s\n' "${kept[@]}"
)

# ask_hop ADDRESS DEV: asks for its MAC address: by ARP, or neighbour discovery.
ask_hop() {
	if [[ $1 == *:* ]]; then
		ndisc6 -q -1 -r 1 -w 1000 "$1" "$2"
	else
		arping -q -c 1 -w 1 -I "$2" "$1"
	fi </dev/null >/dev/null 2>&1
}

# ask_hops: asks for the MAC addresses of some next hops, once a second; first of those whose backends have just
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
		ask_hop "${hop% *}" "${hop#* }" {watching}>&- {events}>&- &
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
		if [[ $mode =~ ^xdp_($balancers)$ ]]; then
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

# watch_addresses: our own, and VIPs: those that were addresses of this machine shall be it still, or nobody finds them.
watch_addresses() {
	local here address seen=' '
	here=$(ip -o addr)
	while read -r _ _ address _; do
		[[ -n $address && $seen != *" $address "* ]] || continue
		seen+="$address "
		watch_address "$address"
	done < <(printf -- '- - %s\n' "$own" "$own6" && cat "$lists/services")
}

# watch_address ADDRESS: says it once if it is gone, and if it is back. Needs here, all addresses that there are.
watch_address() {
	local hint=''
	if [[ $here == *" $1/"* ]]; then
		[[ ${homes[$1]-} != gone ]] || log 5 "$1 is an address of this machine again" OLD=gone NEW=here
		homes[$1]=here
	elif [[ ${homes[$1]-} == here ]]; then
		homes[$1]=gone
		[[ $1 != *:* ]] || hint="; a link that is set down loses its IPv6 addresses, unless: sysctl -w net.ipv6.conf.all.keep_addr_on_down=1"
		log 3 "$1 IS NO ADDRESS OF THIS MACHINE any more, so it answers nobody who looks for it$hint" OLD=here NEW=gone
	fi
}

# watch_forwarding: the kernel routes for us; whether it may is the administrator's decision, for each family by itself.
watch_forwarding() {
	local index
	for index in "${!devices[@]}"; do
		[[ $families != *4* ]] || forwarding_of "$index" 4 FORWARD net.ipv4.ip_forward
		[[ $families != *6* ]] || forwarding_of "$index" 6 "FORWARD IPv6" net.ipv6.conf.all.forwarding
	done
}

# forwarding_of INDEX FAMILY WORDS SETTING: says it once if a device does not forward any more, and if it does again.
forwarding_of() {
	local name=${devices[$1]##* } key="$1 $2" words=$3 may
	read -r may 2>/dev/null <"/proc/sys/net/ipv$2/conf/$name/forwarding" || return 0 # it has another name by now
	[[ ${forwards[$key]-1} != "$may" ]] || return 0
	forwards[$key]=$may
	if [[ $may == 0 ]]; then
		log 2 "$name DOES NOT $words any more: packets are dropped as forwarding_off; run: sysctl -w $4=1" \
			"DEVICE=$name" OLD=forwarding NEW=forwarding_off
	else
		log 5 "$name ${words/FORWARD/forwards} again" "DEVICE=$name" OLD=forwarding_off NEW=forwarding
	fi
}
