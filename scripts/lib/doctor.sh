# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# doctor: lb doctor: is this machine as a load balancer, or a backend, should be? It prints a line for each fact, and under
# one that is not so the command that mends it. It changes nothing. Sourced by lb.
#
# The facts are in doctor/: machine.sh (both), balancer.sh, way.sh (from the load balancer to its backends), backend.sh, device.sh. A
# fact is a function that looks, and calls `fact` (or `hint`) with what it has found. To add one, write its function, and
# call it in examine_balancer, examine_backend or examine_device.

facts=() # four words for each: mark, text, found, mend
sick=0   # 1: some fact is not so

# fact TEXT FOUND MEND COMMAND...: it is so if the command succeeds. FOUND is what was seen, MEND the command that makes it
# so; empty if only a person can know it.
fact() {
	report "not ok" "$@"
}

# hint TEXT FOUND MEND COMMAND...: the same, of what works all the same, but not as well.
hint() {
	report hint "$@"
}

report() {
	local mark=$1 text=$2 found=$3 mend=$4
	if "${@:5}" >/dev/null 2>&1; then
		mark=ok mend=''
	elif [[ $mark != hint ]]; then
		sick=1
	fi
	facts+=("$mark" "$text" "$found" "$mend")
	[[ -z $json ]] || return 0
	if [[ $mark == ok ]]; then
		echo "ok: $text${found:+ ($found)}"
	else
		echo "$mark: $text: $found"
		[[ -z $mend ]] || echo "    $mend"
	fi
}

# some WORD...: for a person to read: the first four, and how many there are beyond them.
some() {
	local text
	printf -v text '%s, ' "${@:1:4}"
	text=${text%, }
	[[ $# -le 4 ]] || text+=", and $(($# - 4)) more"
	echo "$text"
}

# chain COMMAND...: as one command.
chain() {
	local text
	printf -v text '%s && ' "$@"
	echo "${text% && }"
}

# is_empty WORD...: whether there is none.
is_empty() {
	[[ $# -eq 0 ]]
}

# ---- The machine ----

# of_family FAMILY ADDRESS...: those of it, a line each.
of_family() {
	local address
	for address in "${@:2}"; do
		if [[ $1 == 6 && $address == *:* || $1 == 4 && $address != *:* ]]; then echo "$address"; fi
	done
}

# look: what the kernel says of devices and addresses: into arrays by name of the device, and places, by address: "DEV/PREFIX
# ..." for each device that has it. doubted has those that another machine has, too (duplicate address detection), and silent
# those that nothing is sent from (deprecated). Sets balancing and unwrapping, the devices with such a program.
look() {
	local word name values
	declare -gA place=() doubted=() silent=() program=() flavour=() tag=() kind=() mtu=() state=() peer=() port=()
	balancing=() unwrapping=()
	while IFS=$'\t' read -r word name values; do
		case $word in
		address) place[$name]+="$values " ;;
		doubted) doubted[$name]=$values ;;
		silent) silent[$name]=$values ;;
		device)
			IFS=$'\t' read -r "program[$name]" "flavour[$name]" "tag[$name]" "kind[$name]" "mtu[$name]" "state[$name]" \
				"peer[$name]" "port[$name]" <<<"$values"
			[[ $name != "$probe_device" ]] || continue
			[[ ! ${program[$name]} =~ ^xdp_($balancers)$ ]] || balancing+=("$name")
			[[ ! ${program[$name]} =~ ^xdp_($unwrappers)$ ]] || unwrapping+=("$name")
			;;
		esac
	done < <(ip -j -d addr | jq -r '
		.[] | .ifname as $name
		| ["device", .ifname, (.xdp.prog.name // "-" | rtrimstr("_frags")),
			({"1": "native", "2": "generic", "3": "offload"}[.xdp.mode // 0 | tostring] // "-"), .xdp.prog.tag // "-",
			.linkinfo.info_kind // "-", .mtu,
			(if .flags | index("UP") then if .flags | index("LOWER_UP") then "up" else "no carrier" end else "down" end),
			.link // "-", (if .master then "\(.linkinfo.info_slave_kind // "?"):\(.master)" else "-" end)],
		  (.addr_info[] | select(.family == "inet" or (.family == "inet6" and .scope == "global"))
			| ["address", .local, "\($name)/\(.prefixlen)"], (select(.dadfailed) | ["doubted", .local, "\($name)/\(.prefixlen)"]),
				(select(.deprecated) | ["silent", .local, $name]))
		| @tsv')
}

# beneath DEV: the device that XDP sends out of for it: below a VLAN device, if that is on this machine.
beneath() {
	local dev=$1
	while [[ ${kind[$dev]-} == vlan && -n ${kind[${peer[$dev]}]-} ]]; do dev=${peer[$dev]}; done
	echo "$dev"
}

# address_on DEV FAMILY: the first of this machine's addresses on a device; VIPs do not count.
address_on() {
	local address
	for address in $(of_family "$2" "${!place[@]}"); do
		[[ " ${place[$address]}" != *" $1/"* || " ${vips[*]} " == *" $address "* ]] || echo "$address"
	done | sort -V | head -n 1
}

# is_on ADDRESS DEV: whether the device has the address.
is_on() {
	[[ " ${place[$1]-}" == *" $2/"* ]]
}

# conf DEV NAME: a setting of a device, where the kernel takes the larger one of the device's own and that of `all`.
conf() {
	local all own
	all=$(<"/proc/sys/net/ipv4/conf/all/$2")
	own=$(<"/proc/sys/net/ipv4/conf/$1/$2")
	echo $((own > all ? own : all))
}

# set_conf DEV NAME VALUE [FAMILY]: the command that sets it. A device's name may have dots in it.
set_conf() {
	if [[ $1 == *.* ]]; then
		echo "sysctl -w net/ipv${4-4}/conf/$1/$2=$3"
	else
		echo "sysctl -w net.ipv${4-4}.conf.$1.$2=$3"
	fi
}

# ---- The command ----

# end_visit: all facts are known.
end_visit() {
	[[ -z $json ]] || jq -nc '$ARGS.positional as $words | [range(0; $words | length; 4) as $i | $words[$i:$i + 4]
		| {fact: .[1], ok: (.[0] != "not ok"), found: .[2], mend: (.[3] | if . == "" then null else . end)}]' --args "${facts[@]}"
	exit "$sick"
}

# doctor [DEV | backend MODE VIP...]
doctor() {
	local vips=() own=0.0.0.0 own6=:: role mode='' device=''
	case ${1-} in
	'') ;;
	backend)
		[[ ${2-} =~ ^($balancers)$ ]] || usage "a backend of which mode? lb doctor backend $balancers VIP..."
		[[ $# -ge 3 ]] || usage "which VIPs? lb doctor backend $2 VIP..."
		mode=$2
		words_of 'include "words"; answer($ARGS.positional | map(address); .[])' "${@:3}"
		vips=("${lines[@]}")
		;;
	*)
		device=$1
		[[ $device != */* && -e /sys/class/net/$device ]] || usage "unexpected word '$1': a device, or backend"
		no_more "${@:2}"
		;;
	esac
	need_root
	examine_machine
	[[ $sick -eq 0 ]] || end_visit
	look
	if [[ -n $device ]]; then
		examine_device "$device"
	elif [[ -n $mode ]]; then
		examine_backend "$mode"
	else
		[[ ${#balancing[*]} -gt 0 || ${#unwrapping[*]} -gt 0 || -e $maps/services || -e $maps/decap_addresses ]] ||
			die "no program of ours is on a device, so this machine's job cannot be seen;" \
				"on a load balancer, run: lb attach MODE DEV; on a backend: lb doctor backend $balancers VIP..."
		# A backend that gives second chances has services, too.
		[[ ${#balancing[*]} -eq 0 && (! -e $maps/services || " ${program[*]} " == *" xdp_relay "*) ]] || examine_balancer
		[[ ${#unwrapping[*]} -eq 0 && ! -e $maps/decap_addresses ]] || examine_backend tunnel
	fi
	end_visit
}
