# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# backend: facts of a backend, see doctor.sh.

# examine_backend MODE: of the VIPs in vips; with xdp_decap, of those in its list, too. MODE may be "tunnel": any of them.
examine_backend() {
	local dev outer=() overhead=0
	[[ ! $1 =~ ^(tunnel|$tunnels)$ ]] || examine_unwrapping "$1"
	mapfile -t outer < <(outer_devices)
	for dev in "${outer[@]}"; do checksums_are_complete "$dev"; done
	if [[ $1 == nat ]]; then
		vips_are_not_here
		return
	fi
	vips_are_on_lo
	if [[ -n $(of_family 4 "${vips[@]}") || ${#vips[@]} -eq 0 ]]; then
		for dev in "${outer[@]}"; do
			arp_is_silent "$dev"
			arp_has_own_sender "$dev"
			source_may_be_anybody "$dev"
		done
	fi
	# Of IPv6, the kernel answers neighbour discovery for a device's own addresses alone, and has no reverse path filter.
	[[ -z $(of_family 6 "${vips[@]}") ]] || nobody_answers_for_vips
	[[ $1 == l2dsr ]] || segments_leave_room
}

is_tunnel_device() {
	[[ ${kind[$1]} =~ ^(ipip|sit|ip6tnl|gre|ip6gre)$ ]]
}

# outer_devices: those with an address that others can reach. VIPs do not count.
outer_devices() {
	local address on
	for address in "${!place[@]}"; do
		[[ $address != 127.* && " ${vips[*]} " != *" $address "* ]] || continue
		for on in ${place[$address]}; do
			[[ ${on%/*} == lo ]] || is_tunnel_device "${on%/*}" || echo "${on%/*}"
		done
	done | sort -u
}

# default_device: by which answers leave.
default_device() {
	{ ip -j -4 route show default && ip -j -6 route show default; } | jq -rs 'add[0] | .dev // .nexthops[0].dev // empty'
}

# ---- Who unwraps packets? ----

# examine_unwrapping MODE: sets overhead to what the longest tunnel takes of a packet.
examine_unwrapping() {
	local dev lbs=() hosts=() listed=() devices=() role address kinds
	declare -A taken=()
	overhead "${1/tunnel/ipip}" 4
	for dev in "${!kind[@]}"; do
		! is_tunnel_device "$dev" || [[ ${state[$dev]} != up ]] || devices+=("$dev")
	done
	dev=$(default_device)
	if [[ ${#unwrapping[@]} -eq 0 && ${#devices[@]} -gt 0 ]]; then
		fact "packets are unwrapped" "by the kernel, from anybody: ${devices[*]}" "" true
		for dev in "${devices[@]}"; do source_may_be_anybody "$dev"; done
		return
	fi
	fact "packets are unwrapped" "$(some "${unwrapping[@]/#/by ${program[${unwrapping[0]-}]-} on }")" "lb attach decap ${dev:-eth0}" test ${#unwrapping[@]} -gt 0
	[[ ${#unwrapping[@]} -gt 0 ]] || return 0
	for dev in "${unwrapping[@]}"; do
		program_is_native "$dev"
		examine_program "$dev"
	done
	programs_maps_are_pinned "${unwrapping[@]}" || return 0
	while read -r role address kinds; do
		case $role in
		lb) lbs+=("$address") ;;
		host) hosts+=("$address") taken[$address]=$kinds ;;
		vip) listed+=("$address") ;;
		esac
	done < <(dump decap_addresses | decap_addresses_decode |
		jq -r '.[] | .address as $address | .tunnels as $tunnels | .roles[] | "\(.) \($address) \(if . == "host" then $tunnels | join(" ") else "" end)"')
	decap_knows_lbs
	decap_knows_hosts
	[[ $1 == tunnel ]] || decap_takes "$1"
	decap_knows_vips
	measure_tunnels
	cookies_can_be_sent
}

# cookies_can_be_sent: if they shall be. What was set by sysctl is gone after a reboot.
cookies_can_be_sent() {
	local found mend ready=0
	[[ -e $maps/decap_settings && $(settings decap_settings .cookies) != 0 ]] || return 0
	cookies_are_possible || ready=$?
	fact "SYN cookies can be sent" "${found[*]}" "$mend" test "$ready" = 0
}

# measure_tunnels: sets overhead, of those that are taken.
measure_tunnels() {
	local host tunnel family most=0
	for host in "${hosts[@]}"; do
		family=4
		[[ $host != *:* ]] || family=6
		for tunnel in ${taken[$host]}; do
			overhead "${tunnel%:*}" $family
			((overhead <= most)) || most=$overhead
		done
	done
	overhead=$most
}

# decap_knows_lbs: which they are, only a person knows.
decap_knows_lbs() {
	local lb mine=() found
	for lb in "${lbs[@]}"; do [[ -z ${place[$lb]-} ]] || mine+=("$lb"); done
	found=$(some "${lbs[@]}")
	fact "decap's list has a load balancer" "${found:-none; lb show tells its address there, then here: lb decap add lb ADDRESS}" "" \
		test ${#lbs[@]} -gt 0
	fact "and it is another machine" "$(some "${mine[@]/%/ is this one}")" "$(chain "${mine[@]/#/lb decap del lb }")" is_empty "${mine[@]}"
}

decap_knows_hosts() {
	local host foreign=() mends=() own
	own=$(host_address)
	for host in "${hosts[@]}"; do
		[[ -n ${place[$host]-} ]] || foreign+=("$host")
	done
	[[ ${#hosts[@]} -gt ${#foreign[@]} || -z $own ]] || mends+=("lb decap add host $own")
	fact "decap's list has an address of this host" "$(some "${hosts[@]:-none}")" "$(chain "${mends[@]}")" test ${#hosts[@]} -gt ${#foreign[@]}
	fact "and none that is not" "$(some "${foreign[@]}")" "$(chain "${foreign[@]/#/lb decap del host }")" is_empty "${foreign[@]}"
}

# host_address: where load balancers of these families reach this host.
host_address() {
	local family=4
	[[ ${#lbs[@]} -eq 0 || -n $(of_family 4 "${lbs[@]}") ]] || family=6
	address_on "${unwrapping[0]}" $family
}

# takes TUNNELS MODE: gue is among "ipip gue:6080", say.
takes() {
	[[ " $1" == *" $2"* ]]
}

# decap_takes MODE: the tunnel that the load balancers use, if there is an address of this host that they may send to.
decap_takes() {
	local host here=''
	for host in "${hosts[@]}"; do
		[[ -n ${place[$host]-} ]] || continue
		here=$host
		! takes "${taken[$host]}" "$1" || break
	done
	[[ -z $here ]] || fact "decap takes $1" "at $here: ${taken[$here]}" "lb decap add host $here $1" takes "${taken[$here]}" "$1"
}

# decap_knows_vips: those of the command line must be in its list; without a list and words, those that are on lo.
decap_knows_vips() {
	local vip missing=() found
	for vip in "${vips[@]}"; do
		[[ " ${listed[*]} " == *" $vip "* ]] || missing+=("$vip")
	done
	if [[ ${#vips[@]} -eq 0 && ${#listed[@]} -eq 0 ]]; then
		for vip in "${!place[@]}"; do
			[[ $vip == 127.* ]] || ! is_on "$vip" lo || missing+=("$vip")
		done
	fi
	mapfile -t vips < <(printf '%s\n' "${vips[@]}" "${listed[@]}" "${missing[@]}" | sed '/^$/d' | sort -u)
	found=$(some "${listed[@]}")
	fact "decap's list has the VIPs" "${found:-none}${missing[*]:+, but not $(some "${missing[@]}")}" "$(chain "${missing[@]/#/lb decap add vip }")" \
		test ${#listed[@]} -gt 0 -a ${#missing[@]} -eq 0
}

# ---- The VIPs ----

# away VIP: commands that take it from every device but lo.
away() {
	local on
	for on in ${place[$1]-}; do
		[[ ${on%/*} == lo ]] || echo "ip addr del $1/${on#*/} dev ${on%/*}"
	done
}

# vips_are_not_here: with NAT, packets come for the backend's own address.
vips_are_not_here() {
	local vip here=() mends=() more
	for vip in "${vips[@]}"; do
		[[ -n ${place[$vip]-} ]] || continue
		for more in ${place[$vip]}; do
			here+=("$vip is on ${more%/*}")
			mends+=("ip addr del $vip/${more#*/} dev ${more%/*}")
		done
	done
	fact "the VIPs are no addresses of this machine" "$(some "${here[@]}")" "$(chain "${mends[@]}")" is_empty "${here[@]}"
}

# vips_are_on_lo: so that packets for them are for us; and nowhere else, where they would be announced.
vips_are_on_lo() {
	local vip missing=() elsewhere=() mends=() adds=()
	for vip in "${vips[@]}"; do
		is_on "$vip" lo || missing+=("$vip")
		mapfile -t -O ${#mends[@]} mends < <(away "$vip")
		[[ ${#mends[@]} -eq ${#elsewhere[@]} ]] || elsewhere+=("$vip")
	done
	for vip in "${missing[@]}"; do adds+=("ip addr add $(single "$vip") dev lo"); done
	fact "the VIPs are on lo" "${missing[*]:+not }$(some "${missing[@]:-$(some "${vips[@]}")}")" "$(chain "${adds[@]}")" is_empty "${missing[@]}"
	fact "and on no other device" "$(some "${elsewhere[@]}")" "$(chain "${mends[@]}")" is_empty "${elsewhere[@]}"
}

# arp_is_silent DEV: ARP is answered for the device's own addresses only; 8 would be for none at all.
arp_is_silent() {
	local value mend
	value=$(conf "$1" arp_ignore) mend=$(set_conf "$1" arp_ignore 1)
	((value < 2)) || mend="sysctl -w net.ipv4.conf.all.arp_ignore=1 && $mend"
	fact "$1 does not answer ARP for a VIP" "arp_ignore=$value" "$mend" test "$value" = 1 -o "$value" = 2
}

# arp_has_own_sender DEV: what this machine asks by ARP does not tell others that the VIP is here.
arp_has_own_sender() {
	local value
	value=$(conf "$1" arp_announce)
	fact "$1 does not ask by ARP in the name of a VIP" "arp_announce=$value" "$(set_conf "$1" arp_announce 2)" test "$value" = 2
}

# source_may_be_anybody DEV: a strict reverse path filter drops packets of clients to whom answers leave by another device.
source_may_be_anybody() {
	local value answers
	value=$(conf "$1" rp_filter) answers=$(default_device)
	fact "$1 takes packets of clients" "rp_filter=$value${answers:+, answers leave by $answers}" "$(set_conf "$1" rp_filter 2)" \
		test "$value" != 1 -o "$1" = "$answers"
}

# nobody_answers_for_vips: an administrator may have told the kernel to do so, for others.
nobody_answers_for_vips() {
	local vip dev found=() mends=() proxies
	proxies=$(ip -6 neigh show proxy)
	for vip in $(of_family 6 "${vips[@]}"); do
		while read -r dev; do
			found+=("$vip on $dev")
			mends+=("ip neigh del proxy $vip dev $dev")
		done < <(awk -v vip="$vip" '$1 == vip { print $3 }' <<<"$proxies")
	done
	fact "no device answers neighbour discovery for a VIP" "$(some "${found[@]}")" "$(chain "${mends[@]}")" is_empty "${found[@]}"
}

# segments_leave_room: for the outer header, whose bytes the sender does not know of.
segments_leave_room() {
	local small=() mends=() wide=()
	[[ -z $(of_family 4 "${vips[@]}") && ${#vips[@]} -gt 0 ]] || measure_segments 4 40
	[[ -z $(of_family 6 "${vips[@]}") ]] || measure_segments 6 60
	fact "clients are asked for segments that leave room for the tunnel" "$(some "${wide[@]:-${small[@]}}")" "$(chain "${mends[@]}")" is_empty "${wide[@]}"
}

# measure_segments FAMILY HEADERS: of the routes to clients of a family; HEADERS are the bytes of IP and TCP.
measure_segments() {
	local route dev most mss
	while read -r route; do
		[[ $route =~ \ dev\ ([^ ]+) ]] || continue
		dev=${BASH_REMATCH[1]} mss=$((${mtu[$dev]} - $2)) most=$((${mtu[$dev]} - overhead - $2))
		[[ ! $route =~ \ mtu\ (lock\ )?([0-9]+) ]] || mss=$((BASH_REMATCH[2] - $2))
		[[ ! $route =~ \ advmss\ ([0-9]+) ]] || mss=${BASH_REMATCH[1]}
		small+=("$mss for ${route%% *}")
		((mss > most)) || continue
		wide+=("$mss for ${route%% *}; with the tunnel, $most fit")
		route=$(sed -E 's/ (advmss [0-9]+|linkdown|dead|expires [0-9]+sec|pref [a-z]+)//g' <<<"$route")
		mends+=("ip -$1 route change ${route% } advmss $most")
	done < <(ip "-$1" route show | grep ' via ')
}
