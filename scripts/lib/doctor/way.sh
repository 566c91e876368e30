# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# way: facts of the way from a load balancer to its backends, and back, see doctor.sh.

# examine_way: sets hops, "ADDRESS DEV" for each next hop; ways, the devices to them; and exits, those below VLAN devices.
examine_way() {
	local word address dev by_hand=() none=() local_backends=() ways=() exits=() bad=()
	while read -r word address dev; do
		case $word in
		none) none+=("$address") ;;
		own) local_backends+=("$address") ;;
		hop) hops+=("$address $dev") ;;
		hand) by_hand+=("$address $dev") ;;
		esac
	done < <(routes "${backends[@]}")
	mapfile -t ways < <(printf '%s\n' "${hops[@]#* }" "${by_hand[@]#* }" | sed '/^$/d' | sort -u)
	mapfile -t exits < <(for dev in "${ways[@]}"; do beneath "$dev"; done | sort -u)
	links_are_known
	backends_have_routes
	[[ $mode != l2dsr ]] || backends_are_near
	[[ ${#local_backends[@]} -eq 0 ]] || examine_local_backends
	next_hops_are_known
	if [[ ${#ways[@]} -gt 0 ]]; then
		ways_take_xdp
		ways_are_wide
	fi
	exits_have_programs
	other_ends_take_xdp
	for dev in "${balancing[@]}"; do program_is_native "$dev" "${bad[0]-}"; done
}

# links_are_known: what the programs are told of VLAN devices and ports of bonds is what they are now.
links_are_known() {
	local changes
	mapfile -t changes < <(link_changes)
	[[ ${#changes[@]} -gt 0 || " ${kind[*]} " == *" vlan "* || " ${port[*]}" == *" bond:"* ]] || return 0
	fact "the programs know what VLAN devices and bonds are made of" "$([[ ${#changes[@]} -eq 0 ]] || echo "not all of them, or no longer")" "lb refresh" is_empty "${changes[@]}"
}

# backends_have_routes: those without are in none. If a gateway is left that nobody needs now, it was theirs (but l2dsr has
# no use for one).
backends_have_routes() {
	local address gateway mends=()
	if [[ ${#none[@]} -gt 0 ]]; then
		for address in "${none[@]}"; do
			gateway=$(idle_gateway "$address")
			[[ -z $gateway ]] || mends+=("ip route add $address via $gateway")
		done
		fact "there is a route to every backend" "none to $(some "${none[@]}")" \
			"$(chain "${mends[@]}")" false
	else
		fact "there is a route to every backend" "by $(some "${ways[@]:-nothing: no ${local_backends[*]:+other }backends}")" "" true
	fi
}

# idle_gateway ADDRESS: "GATEWAY dev DEV", if there is just one of that family that the kernel knows for nobody.
idle_gateway() {
	local family=4 idle
	[[ $mode != l2dsr ]] || return 0
	[[ $1 != *:* ]] || family=6
	idle=$(ip -$family neigh show | awk '/ managed/ { print $1 " dev " $3 }' | while read -r address; do
		[[ " ${backends[*]} " == *" ${address%% *} "* || $'\n'$(printf '%s\n' "${hops[@]}") == *$'\n'"${address%% *} "* ]] || echo "$address"
	done)
	[[ $idle == *$'\n'* ]] || echo "$idle"
}

# backends_are_near: with l2dsr, a packet is still for the VIP, so a router would send it back.
backends_are_near() {
	local address far=() all
	all=" $(printf '%s ' "${hops[@]}" "${by_hand[@]}" "${none[@]}" "${local_backends[@]}")"
	for address in "${backends[@]}"; do
		[[ $all == *" $address "* ]] || far+=("$address")
	done
	fact "every backend is on a network of this machine" "$(some "${far[@]/%/ is behind a router; ipip would reach it}")" "" is_empty "${far[@]}"
}

# examine_local_backends: those that are this machine itself. That their VIPs are here, too, vips_are_here says.
examine_local_backends() {
	if [[ $mode == nat ]]; then
		fact "no backend is this machine" "$(some "${local_backends[@]}"): with nat, answers of a server here do not pass the program" "" false
		return
	fi
	fact "the program knows which backends are this machine" "$(some "${local_backends[@]}")" "lb refresh" backends_are_marked
	local_servers_listen
}

# local_servers_listen: for each service with a backend here (of every port, nobody can tell where).
local_servers_listen() {
	local service protocol vip port deaf=() there
	for service in "${local_services[@]}"; do
		read -r protocol vip port <<<"$service"
		[[ $port != 0 ]] || continue
		there=$(ss -Hln "--$protocol" "sport = :$port" | awk '{ sub(":[0-9]+$", "", $4); sub("%.*", "", $4); gsub("[][]", "", $4); print $4 }')
		[[ $'\n'$there$'\n' == *$'\n'"$vip"$'\n'* || $'\n'$there$'\n' == *$'\n'"*"$'\n'* || $'\n'$there$'\n' == *$'\n'::$'\n'* ||
			($vip != *:* && $'\n'$there$'\n' == *$'\n'0.0.0.0$'\n'*) ]] || deaf+=("$protocol $vip port $port")
	done
	fact "a server listens here for each service with a backend on this machine" "$(some "${deaf[@]/#/none for }")" "" is_empty "${deaf[@]}"
}

# next_hops_are_known: XDP cannot ask for a MAC address and wait, so the kernel must know those of all next hops, and see to
# it that it does not forget them.
next_hops_are_known() {
	local hop entry table unknown=()
	table=$'\n'$(ip neigh show)$'\n'
	for hop in "${hops[@]}"; do
		entry=${table#*$'\n'"${hop% *} dev ${hop#* } "}
		if [[ $entry == "$table" ]]; then
			unknown+=("${hop% *} on ${hop#* } is not known")
		elif [[ ${entry%%$'\n'*} != *lladdr* ]]; then
			unknown+=("${hop% *} on ${hop#* } does not answer $(who_asks "$hop")")
		elif [[ ${entry%%$'\n'*} != *managed* ]]; then
			unknown+=("${hop% *} on ${hop#* } may be forgotten")
		fi
	done
	if [[ ${#unknown[@]} -eq 0 ]]; then
		fact "the kernel keeps the MAC address of every next hop known" "$((${#hops[@]} + ${#by_hand[@]}))" "" true
	else
		fact "the kernel keeps the MAC address of every next hop known" "$(some "${unknown[@]}")" "lb refresh" false
	fi
}

# ways_take_xdp: a native program sends a packet that leaves by another device than it came in by straight to that device's
# driver. Devices that are made of others have no such way in; a generic program takes the usual one. Sets bad to what is
# in the way of native ones.
ways_take_xdp() {
	local way dev mends=()
	for way in "${exits[@]}"; do
		[[ ${kind[$way]} =~ ^(bridge|vlan|macvlan|macvtap|ipvlan|dummy|vxlan|geneve|gre|gretap|ip6gre|ip6gretap|ipip|sit|ip6tnl|wireguard|vrf|team)$ ]] || continue
		bad+=("$way is a ${kind[$way]}")
		for dev in "${balancing[@]}"; do
			[[ $dev != "$way" && ${flavour[$dev]} == native ]] || continue
			mends+=("ip link set dev $dev xdp off" "lb attach $mode $dev generic")
		done
	done
	fact "XDP can send out of the devices to the backends" "$(some "${bad[@]:-${exits[@]}}")" "$(chain "${mends[@]}")" is_empty "${mends[@]}"
}

# exits_have_programs: a card takes packets from another one's program only while it has a program itself, which may let
# everything pass: before that, its driver has no queues for them. A bond's program is that of its ports.
exits_have_programs() {
	local dev bare=() mends=()
	for dev in "${balancing[@]}"; do
		[[ ${flavour[$dev]} != native ]] || break
	done
	[[ ${flavour[$dev]} == native ]] || return 0
	for dev in "${exits[@]}"; do
		[[ ${kind[$dev]} =~ ^(-|bond)$ && ${program[$dev]} == - && $dev != lo ]] || continue
		bare+=("$dev")
		mends+=("ip link set dev $dev xdpdrv obj $repo/bpf/xdp_pass.o sec xdp")
	done
	fact "cards that are sent out of have a program, too" "$(some "${bare[@]/%/ has none}")" "$(chain "${mends[@]}")" is_empty "${bare[@]}"
}

# other_ends_take_xdp: a veth takes frames from XDP only while its other end has a program, too. It can be seen only if it is
# on this machine.
other_ends_take_xdp() {
	local dev end
	for dev in $(printf '%s\n' "${balancing[@]}" "${exits[@]}" | sed '/^$/d' | sort -u); do
		end=${peer[$dev]}
		[[ ${kind[$dev]} == veth && $end != - ]] || continue
		fact "$end, the other end of $dev, has an XDP program" "${program[$end]}" \
			"ip link set dev $end xdp obj $repo/bpf/xdp_pass.o sec xdp" test "${program[$end]}" != -
	done
}

# ways_are_wide: they take packets as large as come in.
ways_are_wide() {
	local way dev narrow=() mends=() found
	for way in "${ways[@]}"; do
		for dev in "${balancing[@]}"; do
			((${mtu[$way]} < ${mtu[$dev]})) || continue
			narrow+=("$way: ${mtu[$way]}, but $dev: ${mtu[$dev]}")
			mends+=("ip link set dev $way mtu ${mtu[$dev]}")
		done
	done
	found="${ways[0]}: ${mtu[${ways[0]}]}"
	[[ ! $mode =~ ^($tunnels)$ ]] || found+=$(tunnel_takes "${mtu[${ways[0]}]}")
	fact "the way to the backends has the MTU of the way here" "$(some "${narrow[@]:-$found}")" "$(chain "${mends[@]}")" is_empty "${narrow[@]}"
}

# tunnel_takes MTU: how much the longest outer header takes of it, and so how much is left for TCP.
tunnel_takes() {
	local overhead family=4 headers=40
	[[ -z $(of_family 6 "${backends[@]}") ]] || family=6
	overhead "$mode" $family
	[[ -z $(of_family 6 "${vips[@]}") ]] || headers=60
	echo "; the tunnel takes $overhead of them, so backends ask for segments of $(($1 - overhead - headers)): advmss"
}

# ---- NAT ----

examine_nat() {
	answers_pass_the_program
	lent_ports_are_free
	servers_are_elsewhere
}

# answers_pass_the_program: they come in by the device to the backend, and must be rewritten, too.
answers_pass_the_program() {
	local dev without=() mends=()
	for dev in $(printf 'route get %s\n' "${backends[@]}" | { ip -force -j -batch - 2>/dev/null || true; } | jq -r '.[].dev' | sort -u); do
		dev=$(beneath "$dev")
		[[ $dev != lo && ${program[$dev]} != xdp_nat ]] || continue
		without+=("$dev")
		mends+=("lb attach nat $dev")
	done
	fact "answers of backends come in by a device with the program" "$(some "${without[@]/%/ has none}")" "$(chain "${mends[@]}")" \
		is_empty "${without[@]}"
}

lent_ports_are_free() {
	local lent own_ports mend found
	if taken_ports; then found="lent: $lent, own: $own_ports"; else found="lent: $lent, but own: $own_ports"; fi
	fact "this machine's own connections do not use ports that are lent" "$found" "$mend" taken_ports
}

# servers_are_elsewhere: on a port that is lent, one is reached only by those who are not behind such a connection.
servers_are_elsewhere() {
	local first last port busy=() mend=''
	read -r first last < <(settings nat '"\(.first_port) \(.last_port)"' -r)
	mapfile -t busy < <(ss -Hlntu | awk -v first="$first" -v last="$last" '{ n = split($5, part, ":"); port = part[n] }
		$5 !~ /^(127\.|\[::1\])/ && port >= first && port <= last { print port }' | sort -nu)
	if [[ ${#busy[@]} -gt 0 ]]; then
		mend="lb nat set ports $((busy[-1] + 1))-$last"
		((last - busy[-1] > busy[0] - first)) || mend="lb nat set ports $first-$((busy[0] - 1))"
	fi
	hint "no server on this machine has a port that is lent" "$(some "${busy[@]}")" "$mend" is_empty "${busy[@]}"
}
