# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# backend: facts of a backend, see doctor.sh.

# examine_backend MODE: of the VIPs in vips; with xdp_decap, of those in its list, too.
examine_backend() {
	local dev outer=()
	[[ $1 != ipip ]] || examine_unwrapping
	mapfile -t outer < <(outer_devices)
	for dev in "${outer[@]}"; do checksums_are_complete "$dev"; done
	if [[ $1 == nat ]]; then
		vips_are_not_here
		return
	fi
	vips_are_on_lo
	for dev in "${outer[@]}"; do
		arp_is_silent "$dev"
		arp_has_own_sender "$dev"
		source_may_be_anybody "$dev"
	done
	[[ $1 != ipip ]] || segments_leave_room
}

# outer_devices: those with an address that others can reach. VIPs do not count.
outer_devices() {
	local address on
	for address in "${!place[@]}"; do
		[[ $address != 127.* && " ${vips[*]} " != *" $address "* ]] || continue
		for on in ${place[$address]}; do
			[[ ${on%/*} == lo || ${kind[${on%/*}]} == ipip ]] || echo "${on%/*}"
		done
	done | sort -u
}

# default_device: by which answers leave.
default_device() {
	ip -j -4 route show default | jq -r '.[0].dev // .[0].nexthops[0].dev // empty'
}

# ---- Who unwraps packets? ----

examine_unwrapping() {
	local dev lbs=() hosts=() listed=() tunnels=() role address
	for dev in "${!kind[@]}"; do
		[[ ${kind[$dev]} != ipip || ${state[$dev]} != up ]] || tunnels+=("$dev")
	done
	dev=$(default_device)
	if [[ ${#decaps[@]} -eq 0 && ${#tunnels[@]} -gt 0 ]]; then
		fact "packets are unwrapped" "by the kernel, from anybody: ${tunnels[*]}" "" true
		for dev in "${tunnels[@]}"; do source_may_be_anybody "$dev"; done
		return
	fi
	fact "packets are unwrapped" "$(some "${decaps[@]/#/by xdp_decap on }")" "lb attach decap ${dev:-eth0}" test ${#decaps[@]} -gt 0
	[[ ${#decaps[@]} -gt 0 ]] || return 0
	for dev in "${decaps[@]}"; do
		program_is_native "$dev"
		examine_program "$dev"
	done
	programs_maps_are_pinned "${decaps[@]}" || return 0
	while read -r role address; do
		case $role in
		lb) lbs+=("$address") ;;
		host) hosts+=("$address") ;;
		vip) listed+=("$address") ;;
		esac
	done < <(dump decap_addresses | decap_addresses_decode | jq -r '.[] | .address as $address | .roles[] | "\(.) \($address)"')
	decap_knows_lbs
	decap_knows_hosts
	decap_knows_vips
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
	own=$(address_on "${decaps[0]}")
	for host in "${hosts[@]}"; do
		[[ -n ${place[$host]-} ]] || foreign+=("$host")
	done
	[[ ${#hosts[@]} -gt ${#foreign[@]} || -z $own ]] || mends+=("lb decap add host $own")
	fact "decap's list has an address of this host" "$(some "${hosts[@]:-none}")" "$(chain "${mends[@]}")" test ${#hosts[@]} -gt ${#foreign[@]}
	fact "and none that is not" "$(some "${foreign[@]}")" "$(chain "${foreign[@]/#/lb decap del host }")" is_empty "${foreign[@]}"
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
	mapfile -t vips < <(printf '%s\n' "${vips[@]}" "${listed[@]}" | sed '/^$/d' | sort -u)
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
	local vip missing=() elsewhere=() mends=() more=()
	for vip in "${vips[@]}"; do
		is_on "$vip" lo || missing+=("$vip")
		mapfile -t -O ${#mends[@]} mends < <(away "$vip")
		[[ ${#mends[@]} -eq ${#elsewhere[@]} ]] || elsewhere+=("$vip")
	done
	fact "the VIPs are on lo" "${missing[*]:+not }$(some "${missing[@]:-$(some "${vips[@]}")}")" \
		"$(chain "${missing[@]/%//32 dev lo}" | sed 's/\(^\| && \)/&ip addr add /g')" is_empty "${missing[@]}"
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

# segments_leave_room: for the outer header, whose 20 bytes the sender does not know of.
segments_leave_room() {
	local route dev most mss small=() mends=() wide=()
	while read -r route; do
		[[ $route =~ \ dev\ ([^ ]+) ]] || continue
		dev=${BASH_REMATCH[1]} mss=$((${mtu[$dev]} - 40)) most=$((${mtu[$dev]} - 60))
		[[ ! $route =~ \ mtu\ (lock\ )?([0-9]+) ]] || mss=$((BASH_REMATCH[2] - 40))
		[[ ! $route =~ \ advmss\ ([0-9]+) ]] || mss=${BASH_REMATCH[1]}
		small+=("$mss for ${route%% *}")
		((mss > most)) || continue
		wide+=("$mss for ${route%% *}; with the tunnel, $most fit")
		route=$(sed -E 's/ (advmss [0-9]+|linkdown|dead)//g' <<<"$route")
		mends+=("ip route change ${route% } advmss $most")
	done < <(ip -4 route show | grep ' via ')
	fact "clients are asked for segments that leave room for the tunnel" "$(some "${wide[@]:-${small[@]}}")" "$(chain "${mends[@]}")" is_empty "${wide[@]}"
}
