# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# balancer: facts of a load balancer, see doctor.sh. The way to its backends is in way.sh.

examine_balancer() {
	local dev mode vips=() backends=() hops=() checks=() unusable=() room=() services arp
	program_runs || return 0
	mode=$(mode_of "${balancers[0]}")
	for dev in "${balancers[@]}"; do
		examine_program "$dev"
		device_forwards "$dev"
		checksums_are_complete "$dev"
	done
	programs_maps_are_pinned "${balancers[@]}" || return 0
	maps_can_be_read || return 0
	read_configuration
	listen_for_vips
	address_is_ours
	key_is_set
	debug_is_off
	vips_are_here
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
	[[ ${#balancers[@]} -eq 0 ]] || return 0
	[[ ! -e $maps/conntrack ]] || mode=nat note=''
	dev=$(ip -j -4 route show default | jq -r '.[0].dev // empty')
	fact "a load balancer's program runs on a device" "only its maps are there" "lb attach $mode ${dev:-eth0}$note" false
	return 1
}

device_forwards() {
	local forwarding mend
	forwarding=$(<"/proc/sys/net/ipv4/conf/$1/forwarding")
	if [[ $(</proc/sys/net/ipv4/ip_forward) == 1 ]]; then
		mend=$(set_conf "$1" forwarding 1)
	else
		mend="sysctl -w net.ipv4.ip_forward=1"
	fi
	fact "$1 forwards, so that the program may ask for routes" "forwarding=$forwarding" "$mend" test "$forwarding" = 1
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
# unusable (services, and what would make them usable), services (all of it, as lb save has it).
read_configuration() {
	local word rest
	services=''
	while IFS=$'\t' read -r word rest; do
		case $word in
		text) services+=$rest$'\n' ;;
		vip) vips+=("$rest") ;;
		backend) backends+=("$rest") ;;
		check) checks+=("$rest") ;;
		unusable) unusable+=("$rest") ;;
		room) read -r -a room <<<"$rest" ;;
		esac
	done < <(configured 'include "words";
		configuration as $all
		| def usable: .state == "up" and .weight > 0 and .health != "failed";
		["room", "\($all | length) \([$all[].backends | length] | add // 0) \([$all[].taken] | add // 0)"],
		($all[] | as_text | ["text", .]),
		($all | map(.address) | unique[] | ["vip", .]),
		([$all[] | .backends[], (.fallback | values) | .address] | unique[] | ["backend", .]),
		([$all[].checks[].kind] | unique[] | ["check", .]),
		($all[] | . as $service | select(any(.backends[]; usable) | not)
			| ["unusable", name, if .backends == [] then "no backend" else "\(.backends | length) backends, of which none may get packets" end,
				([.backends[] | select(.health != "failed")
					| "lb backend set \($service | name) \(.address)\(if .port == $service.port then "" else ":\(.port)" end)"
						+ (if .weight == 0 then " weight 1" else "" end) + (if .state != "up" then " up" else "" end)] | join(" && "))])
		| join("\t")' -r)
}

# ---- Settings ----

address_is_ours() {
	local address
	address=$(address_on "${balancers[0]}")
	fact "the load balancer's own address is one of this machine" "$own" "${address:+lb set address $address}" \
		test -n "${place[$own]-}"
}

# fingerprint: of stdin: short enough to compare by eye, and too short to tell what it is of.
fingerprint() {
	sha256sum | head -c 8
}

# key_is_set: the fingerprints are the same on all load balancers of a group; the key itself is a secret.
key_is_set() {
	local key
	key=$(settings load_balancer '.hash_key[]' -r | while read -r byte; do printf '\\x%02x' "$byte"; done)
	fact "the hash key is set; all of a group have the same" "fingerprint $(printf %b "$key" | fingerprint)" \
		"lb set key \$(od -An -N32 -tx8 -w32 /dev/urandom | tr -d ' ')" test -n "${key//[\\x0]/}"
	fact "and the same services" "fingerprint $(printf %s "$services" | fingerprint)" "" true
}

debug_is_off() {
	local debug
	debug=$(settings load_balancer '.flags | index("debug")')
	hint "debug is off" "$([[ $debug == null ]] || echo "each packet is written to the kernel's log, and that takes long")" \
		"lb set debug off" test "$debug" = null
}

# ---- VIPs ----

# is_announced VIP: the kernel answers ARP for it where packets come in.
is_announced() {
	local dev
	[[ -n ${place[$1]-} ]] || return 1
	for dev in "${balancers[@]}"; do
		! is_on "$1" "$dev" || return 0
		[[ $(conf "$dev" arp_ignore) != 0 ]] || return 0
	done
	return 1
}

# vips_are_here: the kernel, to which the program passes what is not for a service, answers ARP and ping for them.
vips_are_here() {
	local vip dev silent=() mends=()
	for vip in "${vips[@]}"; do
		! is_announced "$vip" || continue
		silent+=("$vip")
		# where such addresses are, if the program is there
		dev=$(ip -j -4 route get "$vip" 2>/dev/null | jq -r '.[0].dev') || true
		[[ " ${balancers[*]} " == *" $dev "* ]] || dev=${balancers[0]}
		mends+=("ip addr add $vip/32 dev $dev")
	done
	if [[ ${#silent[@]} -eq 0 ]]; then
		fact "this machine answers ARP for every VIP" "$(some "${vips[@]}")" "" true
	else
		fact "this machine answers ARP for every VIP" "not for $(some "${silent[@]}")" "$(chain "${mends[@]}")" false
	fi
}

# listen_for_vips: begins to ask who else has the VIPs, the first 16 of them. The answers come while other facts are looked at.
listen_for_vips() {
	exec {arp}< <(
		for dev in "${balancers[@]}"; do
			for vip in "${vips[@]:0:16}"; do
				timeout 0.3 arping -D -c 1 -I "$dev" "$vip" 2>/dev/null &
			done
		done
		wait
	)
}

nobody_else_has_vips() {
	local others
	mapfile -t others < <(sed -n 's/.* from \([0-9.]*\) \[\([0-9A-Fa-f:]*\)\].*/\1 is at \2, too/p' <&"$arp" | sort -u)
	exec {arp}<&-
	if [[ ${#others[@]} -eq 0 ]]; then
		fact "no other machine answers ARP for a VIP" "" "" true
	else
		fact "no other machine answers ARP for a VIP" "$(some "${others[@],,}")" \
			"sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2   # on that machine, if it is a backend" false
	fi
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

# watch_runs: if there is something to check; and the tools for it are there.
watch_runs() {
	local pid='' mend missing tools=()
	[[ ${#checks[@]} -gt 0 ]] || return 0
	[[ " ${checks[*]} " != *" dns "* ]] || tools+=(dig)
	[[ " ${checks[*]} " != *" udp "* ]] || tools+=(socat)
	mapfile -t missing < <(missing_tools curl setpriv unshare nsenter "${tools[@]}")
	fact "the tools for checks are there" "$(some "${missing[@]}")" "$repo/scripts/deps lab" is_empty "${missing[@]}"
	if [[ -e $rounds/pid ]] && ! flock -n "$rounds" true; then pid=$(<"$rounds/pid"); fi
	mend="setsid -f lb watch </dev/null >>/run/lb-watch.log 2>&1"
	! systemctl cat xdp-lb-watch.service >/dev/null 2>&1 || mend="systemctl restart xdp-lb-watch.service"
	fact "lb watch runs: there are checks (${checks[*]})" "${pid:+process }${pid:-no}" "$mend" test -n "$pid"
}
