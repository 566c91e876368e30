# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# balancer: facts of a load balancer, see doctor.sh. The way to its backends is in way.sh.

examine_balancer() {
	local dev mode vips=() backends=() hops=() checks=() unusable=() room=() local_services=() arp families
	program_runs || return 0
	mode=$(mode_of "${balancing[0]}")
	for dev in "${balancing[@]}"; do
		examine_program "$dev"
		checksums_are_complete "$dev"
	done
	programs_maps_are_pinned "${balancing[@]}" || return 0
	maps_can_be_read || return 0
	read_configuration
	listen_for_vips
	for dev in "${balancing[@]}"; do device_forwards "$dev"; done
	[[ $families != *4* ]] || address_is_ours 4 "$own" "own address"
	[[ $families != *6* ]] || address_is_ours 6 "$own6" "own IPv6 address"
	key_is_set
	debug_is_off
	if [[ $own_flags == *,announce,* ]]; then vips_are_announced; else vips_are_here; fi
	if [[ $families == *6* ]]; then
		addresses_are_certain
		vips_send_nothing
		addresses_stay
	fi
	examine_way
	[[ $mode != nat ]] || examine_nat
	services_have_backends
	there_is_room
	watch_runs
	nobody_else_has_vips
}

# program_runs: on some device. If not, the maps say of which mode it was; l2dsr and ipip have the same.
program_runs() {
	local dev mode=l2dsr note="   # or ipip, if that is what it was"
	[[ ${#balancing[@]} -eq 0 ]] || return 0
	[[ ! -e $maps/conntrack ]] || mode=nat note=''
	dev=$(ip -j -4 route show default | jq -r '.[0].dev // empty')
	fact "a load balancer's program runs on a device" "only its maps are there" "lb attach $mode ${dev:-eth0}$note" false
	return 1
}

# device_forwards DEV: packets of the backends' family; with NAT also those of the clients'.
device_forwards() {
	local routed=("${backends[@]}") all_on
	[[ $mode != nat ]] || routed+=("${vips[@]}")
	all_on=$(</proc/sys/net/ipv4/ip_forward)
	[[ -z $(of_family 4 "${routed[@]}") && ${#routed[@]} -gt 0 ]] || forwards "$1" 4 "$1 forwards" net.ipv4.ip_forward "$all_on"
	[[ -n $(of_family 6 "${routed[@]}") && -e /proc/sys/net/ipv6 ]] || return 0
	all_on=$(</proc/sys/net/ipv6/conf/all/forwarding)
	forwards "$1" 6 "$1 forwards IPv6" net.ipv6.conf.all.forwarding "$all_on"
}

# forwards DEV FAMILY WORDS SETTING_OF_ALL ALL
forwards() {
	local forwarding mend="sysctl -w $4=1"
	forwarding=$(<"/proc/sys/net/ipv$2/conf/$1/forwarding")
	[[ $5 != 1 ]] || mend=$(set_conf "$1" forwarding 1 "$2")
	# A router does not listen to other routers, unless it is told to: it would lose its default route.
	[[ $2 == 4 || -z $(ip -6 route show dev "$1" proto ra) ]] || mend="$(set_conf "$1" accept_ra 2 6) && $mend"
	fact "$3, so that the program may ask for routes" "forwarding=$forwarding" "$mend" test "$forwarding" = 1
}

# maps_can_be_read: by this version of lb. What has been pinned by another one cannot be trusted.
maps_can_be_read() {
	local error
	if ! error=$( (need_configuration) 2>&1); then
		fact "the maps are those of this version" "${error#lb: }" "" false
		return 1
	fi
	need_configuration
}

# read_configuration: sets what there is: vips, backends (addresses), checks (kinds), room (of services, backends, slots),
# unusable (services, and what would make them usable), local_services (with a backend here), and the families of VIPs and backends.
read_configuration() {
	local word rest
	while IFS=$'\t' read -r word rest; do
		case $word in
		vip) vips+=("$rest") ;;
		backend) backends+=("$rest") ;;
		check) checks+=("$rest") ;;
		local) local_services+=("$rest") ;;
		unusable) unusable+=("$rest") ;;
		room) read -r -a room <<<"$rest" ;;
		esac
	done < <(configured 'include "words";
		configuration as $all
		| def usable: .state == "up" and .weight > 0 and .health != "failed";
		["room", "\($all | length) \([$all[].backends | length] | add // 0) \([$all[].taken] | add // 0)"],
		($all | map(.address) | unique[] | ["vip", .]),
		([$all[] | .backends[], (.fallback | values) | .address] | unique[] | ["backend", .]),
		($all[] | select(any(.backends[]; is_local)) | ["local", "\(.protocol) \(.address) \(.port)"]),
		([$all[].checks[].kind] | unique[] | ["check", .]),
		($all[] | . as $service | select(any(.backends[]; usable) | not)
			| ["unusable", name, if .backends == [] then "no backend" else "\(.backends | length) backends, of which none may get packets" end,
				([.backends[] | select(.health != "failed")
					| "lb backend set \($service | name) \(address_or_server($service.port))"
						+ (if .weight == 0 then " weight 1" else "" end) + (if .state != "up" then " up" else "" end)] | join(" && "))])
		| join("\t")' -r)
	families=''
	[[ -z $(of_family 6 "${vips[@]}" "${backends[@]}") ]] || families=6
	[[ -n $families && -z $(of_family 4 "${vips[@]}" "${backends[@]}") ]] || families+='4'
}

# ---- Settings ----

# address_is_ours FAMILY ADDRESS WORDS
address_is_ours() {
	local address found=$2
	address=$(address_on "${balancing[0]}" "$1")
	[[ $2 != 0.0.0.0 && $2 != :: ]] || found="none"
	fact "the load balancer's $3 is one of this machine" "$found" "${address:+lb set address $address}" \
		test -n "${place[$2]-}"
}

# key_is_set: the fingerprints are the same on all load balancers of a group; the key itself is a secret, of which the first 8
# digits of a hash tell nothing.
key_is_set() {
	local key print placed
	key=$(settings load_balancer '.hash_key[]' -r | while read -r byte; do printf '\\x%02x' "$byte"; done)
	fact "the hash key is set; all of a group have the same" "fingerprint $(printf %b "$key" | sha256sum | head -c 8)" \
		"lb set key \$(od -An -N32 -tx8 -w32 /dev/urandom | tr -d ' ')" test -n "${key//[\\x0]/}"
	take_fingerprint
	fact "and the same services, backends and key" "fingerprint $print" "" true
}

debug_is_off() {
	local debug
	debug=$(settings load_balancer '.flags | index("debug")')
	hint "debug is off" "$([[ $debug == null ]] || echo "each packet is written to the kernel's log, and that takes long")" \
		"lb set debug off" test "$debug" = null
}

# ---- VIPs ----

# is_announced VIP: the kernel answers ARP for it where packets come in. Neighbour discovery is answered for addresses of that
# very device alone.
is_announced() {
	local dev
	[[ -n ${place[$1]-} ]] || return 1
	for dev in ${place[$1]}; do
		[[ " ${balancing[*]} " != *" $(beneath "${dev%/*}") "* ]] || return 0
	done
	for dev in "${balancing[@]}"; do
		[[ $1 == *:* || $(conf "$dev" arp_ignore) != 0 ]] || return 0
	done
	return 1
}

# vips_are_announced: by BGP. Then nobody asks for them by ARP.
vips_are_announced() {
	local vip missing=()
	hint "this machine is not draining" "$([[ $own_flags != *,draining,* ]] || echo "no VIP is announced")" \
		"lb drain off" test "$own_flags" = "${own_flags/,draining,/}"
	fact "BIRD runs, and lb watch can tell it what to announce" "$(birdc show status 2>&1 | tail -n 1)" \
		"systemctl enable --now bird" birdc show status
	for vip in "${vips[@]}"; do
		grep -qs "^route $(single "$vip") " "$bird"/vip[46].conf || missing+=("$vip")
	done
	fact "every VIP is announced by BGP" "$([[ ${#missing[@]} -eq 0 ]] && some "${vips[@]}" || echo "not $(some "${missing[@]}")")" \
		"lb service show; birdc show protocols" is_empty "${missing[@]}"
}

# vips_are_here: the kernel, to which the program passes what is not for a service, answers ARP and ping for them.
vips_are_here() {
	local all
	mapfile -t all < <(of_family 4 "${vips[@]}")
	[[ ${#all[@]} -eq 0 && ${#vips[@]} -gt 0 ]] || vips_of_family_are_here ARP "${all[@]}"
	mapfile -t all < <(of_family 6 "${vips[@]}")
	[[ ${#all[@]} -eq 0 ]] || vips_of_family_are_here "neighbour discovery" "${all[@]}"
}

# vips_of_family_are_here WHO_ASKS VIP...
vips_of_family_are_here() {
	local vip dev missing=() mends=() text="this machine answers $1 for every VIP"
	for vip in "${@:2}"; do
		! is_announced "$vip" || continue
		missing+=("$vip")
		# where such addresses are, if the program is there
		dev=$(ip -j route get "$vip" 2>/dev/null | jq -r '.[0].dev') || true
		[[ " ${balancing[*]} " == *" $dev "* ]] || dev=${balancing[0]}
		mends+=("ip addr add $(single "$vip") dev $dev")
		# Else it could not be used for a second, or not at all where several have it; and things would be sent from it.
		[[ $vip != *:* ]] || mends[-1]+=" nodad preferred_lft 0"
	done
	if [[ ${#missing[@]} -eq 0 ]]; then
		fact "$text" "$(some "${@:2}")" "" true
	else
		fact "$text" "not for $(some "${missing[@]}")" "$(chain "${mends[@]}")" false
	fi
}

# addresses_are_certain: one that another machine has, too, cannot be used, unless it was not asked for (nodad).
addresses_are_certain() {
	local address found=() mends=() on
	for address in "$own6" $(of_family 6 "${vips[@]}"); do
		on=${doubted[$address]-}
		[[ -n $on ]] || continue
		found+=("$address on ${on%/*} (dadfailed)")
		mends+=("ip addr del $address/${on#*/} dev ${on%/*}" "ip addr add $address/${on#*/} dev ${on%/*} nodad${silent[$address]+ preferred_lft 0}")
	done
	fact "no other machine was found to have an address of this one" "$(some "${found[@]}")" "$(chain "${mends[@]}")" is_empty "${found[@]}"
}

# vips_send_nothing: of IPv6, the kernel takes that source address that looks most like the destination. A backend that has
# the VIP on lo would answer itself; and with NAT, checks would fail.
vips_send_nothing() {
	local vip on found=() mends=() judge=hint
	[[ $mode != nat ]] || judge=fact
	for vip in $(of_family 6 "${vips[@]}"); do
		for on in ${place[$vip]-}; do
			[[ ${on%/*} != lo && ${silent[$vip]-} != "${on%/*}" ]] || continue
			found+=("$vip on ${on%/*}")
			mends+=("ip addr change $vip/${on#*/} dev ${on%/*} preferred_lft 0")
		done
	done
	"$judge" "this machine sends nothing of its own from a VIP of IPv6" "$(some "${found[@]}")${found[*]:+ may be taken}" "$(chain "${mends[@]}")" \
		is_empty "${found[@]}"
}

# addresses_stay: a link that is set down loses its IPv6 addresses, and what was routed by them.
addresses_stay() {
	local dev lost=() mends=()
	for dev in "${balancing[@]}"; do
		[[ $(<"/proc/sys/net/ipv6/conf/all/keep_addr_on_down")$(<"/proc/sys/net/ipv6/conf/$dev/keep_addr_on_down") == 00 ]] || continue
		lost+=("$dev")
		mends+=("$(set_conf "$dev" keep_addr_on_down 1 6)")
	done
	hint "IPv6 addresses stay when a link is set down" "$(some "${lost[@]/%/ would lose its own}")" "$(chain "${mends[@]}")" is_empty "${lost[@]}"
}

# who_has VIP DEV: prints " from VIP [MAC]" for each other machine that answers.
who_has() {
	if [[ $1 == *:* ]]; then
		! command -v ndisc6 >/dev/null || timeout 1 ndisc6 -q -1 -r 1 -w 300 "$1" "$2" 2>/dev/null | sed "s/.*/ from $1 [&]/"
	else
		timeout 0.3 arping -D -c 1 -I "$2" "$1" 2>/dev/null
	fi
}

# listen_for_vips: begins to ask who else has the VIPs, the first 16 of them. The answers come while other facts are looked at.
listen_for_vips() {
	exec {arp}< <(
		for dev in "${balancing[@]}"; do
			for vip in "${vips[@]:0:16}"; do
				who_has "$vip" "$dev" &
			done
		done
		wait
	)
}

nobody_else_has_vips() {
	local others four six
	mapfile -t others < <(sed -n 's/.* from \([0-9a-f.:]*\) \[\([0-9A-Fa-f:]*\)\].*/\1 is at \2, too/p' <&"$arp" | sort -u)
	exec {arp}<&-
	mapfile -t four < <(printf '%s\n' "${others[@]}" | grep -E '^[0-9.]+ ')
	mapfile -t six < <(printf '%s\n' "${others[@]}" | grep -E '^[0-9a-f]*:')
	[[ -z $(of_family 4 "${vips[@]}") && ${#vips[@]} -gt 0 ]] ||
		fact "no other machine answers ARP for a VIP" "$(some "${four[@],,}")" \
			"sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2   # on that machine, if it is a backend" \
			is_empty "${four[@]}"
	[[ -n $(of_family 6 "${vips[@]}") ]] || return 0
	fact "no other machine answers neighbour discovery for a VIP" \
		"$(some "${six[@],,}")${six[*]:+; if it is a backend, the VIP shall be on lo alone: lb doctor backend ... tells there}" "" is_empty "${six[@]}"
}

# ---- Services ----

services_have_backends() {
	local line name found mend said=() mends=()
	for line in "${unusable[@]}"; do
		IFS=$'\t' read -r name found mend <<<"$line"
		said+=("$name: $found")
		[[ -z $mend ]] || mends+=("$mend")
	done
	if [[ ${#said[@]} -eq 0 ]]; then
		fact "every service has a backend that gets packets" "services: ${room[0]}, backends: ${room[1]}" "" true
	else
		fact "every service has a backend that gets packets" "$(some "${said[@]}")" "$(chain "${mends[@]}")" false
	fi
}

# there_is_room: in the maps that have an end. Those of flows forget the oldest instead.
there_is_room() {
	local rooms=("services ${room[0]} $MAX_SERVICES" "backends ${room[1]} $((MAX_BACKENDS - 1))"
		"slots ${room[2]} $(jq .slots <<<"$limits")") name used most said=() full=()
	[[ $mode != nat ]] || rooms+=("connections $(dump nat_events | nat_events_decode |
		jq '(map({(.name): .connections}) | add) | .established - .freed') $(bpftool -j map show pinned "$maps/seats" | jq .max_entries)")
	for name in "${rooms[@]}"; do
		read -r name used most <<<"$name"
		said+=("$name $used of $most")
		((used * 10 < most * 9)) || full+=("$name")
	done
	fact "there is room in the maps" "$(some "${said[@]}")${full[*]:+; $(some "${full[@]}") will not be enough: README.md, Limits}" "" \
		is_empty "${full[@]}"
}

# watch_runs: if there is something to check, or to announce; and the tools for it are there.
watch_runs() {
	local pid='' mend missing tools=() why="VIPs are announced"
	[[ ${#checks[@]} -gt 0 || $own_flags == *,announce,* ]] || return 0
	[[ ${#checks[@]} -eq 0 ]] || why="there are checks (${checks[*]})"
	[[ " ${checks[*]} " != *" dns "* ]] || tools+=(dig)
	[[ " ${checks[*]} " != *" udp "* ]] || tools+=(socat)
	mapfile -t missing < <(missing_tools curl setpriv unshare nsenter "${tools[@]}")
	fact "the tools for checks are there" "$(some "${missing[@]}")" "$repo/scripts/deps lab" is_empty "${missing[@]}"
	if [[ -e $rounds/pid ]] && ! flock -n "$rounds" true; then pid=$(<"$rounds/pid"); fi
	mend="setsid -f lb watch </dev/null >>/run/lb-watch.log 2>&1"
	! systemctl cat xdp-lb-watch.service >/dev/null 2>&1 || mend="systemctl restart xdp-lb-watch.service"
	fact "lb watch runs: $why" "${pid:+process }${pid:-no}" "$mend" test -n "$pid"
}
