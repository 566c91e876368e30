# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# neighbours: the MAC addresses of next hops. XDP cannot ask for one and wait, so the kernel is told to know them always:
# those on the way to the backends, and with NAT also those on the way back to the clients. Sourced by lb.

# routes ADDRESS...: a line "own ADDRESS" for each that is this machine's own, or a broadcast; "none ADDRESS" for each
# without a route; and "hop ADDRESS DEV" for the next hops to them, or "hand ADDRESS DEV" for one whose MAC address somebody
# has set by hand. A route of several next hops counts with all of them; with NAT every gateway is a next hop, to some client.
# A next hop of IPv6 is often a link-local address, fe80::1 say. Needs own and own6, this machine's addresses.
routes() {
	local address mine from4='' from6='' asked=()
	# The way of what we send ourselves; but an address that this machine does not have leads nowhere.
	mine=$(ip -o addr)
	[[ $mine != *" $own/"* ]] || from4=" from $own"
	[[ $mine != *" $own6/"* ]] || from6=" from $own6"
	for address; do
		if [[ $address == *:* ]]; then asked+=("route get $address$from6"); else asked+=("route get $address$from4"); fi
	done
	# What is said of lo stands between the answers to these questions and what is the same for all.
	printf '%s\n' "${asked[@]}" "link show dev lo" "route show table all" "neigh show nud permanent" |
		{ ip -force -j -batch - 2>/dev/null || true; } | jq -nr --argjson nat "$([[ -e $maps/conntrack ]] && echo 1 || echo 0)" '
		def object(f): reduce .[] as $x ({}; .[$x | f] = true);
		def next_hop: .gateway // .via.host;
		[inputs] | (map(.[0].ifname == "lo") | index(true)) as $lo
		| [.[:$lo][][]] as $ways | [.[$lo + 1:][][]] as $all
		| ([$all[] | select(.lladdr and .state)] | object("\(.dst) \(.dev)")) as $by_hand
		| ($ways | object(.dst)) as $reached
		| ([$ways[] | select(.type | IN("local", "broadcast", "anycast"))] | object(.dst) | keys[] | "own \(.)"),
		  ($ARGS.positional[] | select($reached[.] == null) | "none \(.)"),
		  ([($ways[] | select(.type == null) | "\(next_hop // .dst) \(.dev)"),
		    ($all[] | (.nexthops // empty | .[]), (select($nat == 1)) | select(next_hop and .dev) | "\(next_hop) \(.dev)")]
		   | object(.) | keys[] | if $by_hand[.] then "hand \(.)" else "hop \(.)" end)' --args "$@"
}

# keep_neighbours ADDRESS...: has the kernel always know the MAC addresses of the next hops to them. There is none to this
# machine itself; with NAT, none of them may be its own: then nothing is done. Sets kept to the next hops, as "ADDRESS DEV".
keep_neighbours() {
	local found word address dev
	found=$(routes "$@")
	kept=()
	while read -r word address dev; do
		case $word in
		own)
			[[ $here != *" $address "* ]] || continue
			[[ ! -e $maps/conntrack || $(ip -o addr) != *" $address/"* ]] ||
				die "$address is this machine's own address: with nat, answers of a server here would not pass the program; give that of" \
					"another machine, or let this one be of another mode"
			die "$address is this machine's own address, or a broadcast; give that of another machine"
			;;
		none) warn "there is no route to $address yet; its packets are dropped as no_route. Once there is one, run: lb refresh" ;;
		hop)
			run ip neigh replace "$address" dev "$dev" managed
			kept+=("$address $dev")
			;;
		esac
	done <<<"$found"
}

# forget_neighbours ADDRESS...: undoes it, as far as what is listed now does not need the next hops.
forget_neighbours() {
	local needed
	mapfile -t needed < <(listed_addresses)
	drop_hops < <(comm -23 <(routes "$@" | sort) <(routes "${needed[@]}" | sort))
}

# drop_hops: the kernel need not know the next hops on stdin any more; lines as of routes.
drop_hops() {
	local word address dev
	while read -r word address dev; do
		[[ $word == hop && $(ip neigh show "$address" dev "$dev") == *managed* ]] || continue
		run ip neigh del "$address" dev "$dev"
	done
}

# who_asks ADDRESS: how the kernel asks for a MAC address of its family.
who_asks() {
	if [[ $1 == *:* ]]; then echo "neighbour discovery"; else echo ARP; fi
}

# unknown_hops: those of kept whose MAC address the kernel does not know, a line each.
unknown_hops() {
	local hop known
	known=$'\n'$(ip neigh show)
	for hop in "${kept[@]}"; do
		[[ $known == *$'\n'"${hop% *} dev ${hop#* } lladdr "* ]] || echo "$hop"
	done
}

# outdate_nexthops: the programs ask for every next hop anew, with the next packet.
outdate_nexthops() {
	# shellcheck disable=SC2046 # bytes
	update load_balancer key $(u32 0) value $(settings load_balancer "decimal as \$hex | .routes = (.routes + 1) % 65536 | $(encoder load_balancer)" -r)
}

# backends_are_marked: those whose address is one of this machine, and no others. Needs here.
backends_are_marked() {
	listed backends | awk -v here="$here" 'int($8 / 4) % 2 != (index(here, " " $3 " ") > 0) { exit 1 }'
}

# mark_backends: if they are not.
mark_backends() {
	backends_are_marked || {
		plan refresh cat <<<''
		carry_out || die "the kernel refused it; everything is as it was"
	}
}

# refresh: keep_neighbours for every backend, and with NAT for the gateways; keep_links. Links that were down have lost their
# neighbours, and routes may lead another way now: XDP drops such packets (no_neighbour), so that nobody asks for the
# address. It ends when all are known; or after a second, with those that are not.
refresh() {
	local addresses tries hop
	no_more "$@"
	take_lock
	need_configuration
	mapfile -t addresses < <(listed_addresses)
	keep_neighbours "${addresses[@]}"
	mark_backends
	keep_links
	outdate_nexthops
	for ((tries = 0; tries < 20; tries++)); do
		[[ -z $dry && -n $(unknown_hops) ]] || return 0
		sleep 0.05
	done
	while read -r hop; do
		warn "${hop% *} on ${hop#* } does not answer $(who_asks "$hop"); what goes there is dropped as no_neighbour until it does"
	done < <(unknown_hops)
}
