# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# why: lb why: what would become of a packet, and why. The packet is tried: by the same program that is on the device, but on
# copies of all that the program writes. Nothing is counted, and nothing is noted. Sourced by lb.

steps='.steps[] | "\(.step + "          " | .[:10]) \(.text)"' # of an explanation, for people

# find_program [DEV]: sets dev and mode to the program of ours that the packet meets, and shared to the maps that
# this program has, as NAME:ID.
find_program() {
	local id
	mapfile -t shared < <(jq -nr --arg dev "${1-}" --arg modes "$modes" --arg not "$probe_device" \
		--slurpfile links <(ip -j -d link) --slurpfile programs <(bpftool -j prog show) --slurpfile maps <(bpftool -j map show) '
		[$links[0][] | select(.ifname != $not)
			| select($dev == "" or .ifname == $dev or any(.altnames[]?; . == $dev))
			| .mode = (.xdp.prog.name // "" | rtrimstr("_frags")) | select(.mode | test("^xdp_(" + $modes + ")$"))] as $found
		| ($found | length), ($found[:1][] | .xdp.prog.id as $id | "\(.ifname) \($id) \(.mode)",
			($programs[0][] | select(.id == $id).map_ids as $ids | $maps[0][] | select(.id as $id | any($ids[]; . == $id)) | "\(.name):\(.id)"))')
	[[ ${shared[0]} -gt 0 ]] || die "no program of ours is on ${1:-a device}: the kernel gets every packet; run: lb attach MODE ${1:-DEV}"
	read -r dev id mode <<<"${shared[1]}"
	[[ ${shared[0]} -eq 1 ]] || die "programs are on several devices; say which one the packet comes in by: dev $dev"
	shared=("${shared[@]:2}")
}

# join PREFIX NAME...: adds to `words`, for bpftool: these maps of the program on the device, each as the map PREFIX + NAME.
join() {
	local name map
	for name in "${@:2}"; do
		for map in "${shared[@]}"; do
			[[ $map != "$name:"* ]] || words+=(map name "$1$name" id "${map#*:}")
		done
	done
}

# join_copies NAME...: the same for those of the copy.
join_copies() {
	local name
	for name; do words+=(map name "$name" pinned "$bpffs/$name"); done
}

# on_copies: the commands that try the packet, to be run where bpffs is a new one: it goes with the process, and with it
# the copies.
on_copies() {
	local words copied=(flows new_flows buckets) read_only=(services slots server_ids probes destinations) explain=xdp_why settings=''
	if [[ $mode == xdp_nat ]]; then
		copied=(conntrack conntrack6 destinations seats handshakes handshakes6 buckets) read_only=(services slots server_ids) explain=xdp_why_nat settings=nat
	fi
	echo "mount -t bpf bpf $bpffs"
	words=()
	join "" backends clients limits "${read_only[@]}" $settings
	echo "bpftool prog loadall '$repo/bpf/$mode.o' $bpffs/tried ${words[*]}"
	# Without `debug`: a trace log is read by people.
	echo "bpftool map update pinned $bpffs/load_balancer key $(u32 0) value $quiet"
	echo "bpftool -j map show | jq --slurpfile tried <(bpftool -j prog show pinned $bpffs/tried/$mode) '.[] | select(
		.name == \"fragments\" and (.id as \$id | any(\$tried[0].map_ids[]; . == \$id))).id' >'$1/fragments'"
	echo "bpftool map pin id \$(<'$1/fragments') $bpffs/fragments"
	words=()
	join "" backends "${read_only[@]}"
	join_copies load_balancer fragments "${copied[@]}"
	join real_ fragments "${copied[@]}"
	echo "bpftool prog loadall '$repo/bpf/$explain.o' $bpffs/why ${words[*]}"
	echo "bpftool prog run pinned $bpffs/why/xdp_copy data_in '$1/frame' >/dev/null"
	echo "bpftool -j prog run pinned $bpffs/why/$explain data_in '$1/frame' ctx_in '$1/context' data_out '$1/explained' data_size_out 65000 >'$1/why.json'"
	echo "bpftool -j prog run pinned $bpffs/tried/${mode}_frags data_in '$1/frame' ctx_in '$1/context' data_out '$1/out' data_size_out 65000 >'$1/tried.json'"
	echo "bpftool -j map dump pinned $bpffs/stats >'$1/stats.json'"
}

# on_copies_of_decap FOLDER: the same for a decapsulator, which remembers nothing but its counters, and next hops.
on_copies_of_decap() {
	local words=()
	join "" decap_addresses services slots destinations backends load_balancer
	echo "mount -t bpf bpf $bpffs"
	echo "bpftool prog loadall '$repo/bpf/$mode.o' $bpffs/tried ${words[*]}"
	echo "bpftool -j prog run pinned $bpffs/tried/${mode}_frags data_in '$1/frame' ctx_in '$1/context' data_out '$1/out' data_size_out 65000 >'$1/tried.json'"
	echo "bpftool -j map dump pinned $bpffs/decap_stats >'$1/stats.json'"
}

# neighbour_mac ADDRESS: the MAC address of the next hop to it, as far as the kernel knows; or one of nobody.
neighbour_mac() {
	local route
	route=$(ip -j route get "$1" 2>/dev/null) || route=[]
	ip -j neigh show | jq -r --argjson route "$route" '($route[0] // {}) as $way | ($way.gateway // $way.dst) as $hop
		| first(.[] | select(.dst == $hop and .dev == $way.dev).lladdr // empty) // "02:00:00:00:00:01"'
}

# byte_list FILE: its bytes, as a list of JSON.
byte_list() {
	od -An -v -tu1 "$1" | tr -s ' \n' , | sed 's/^,*/[/;s/,*$/]/'
}

# try_packet PACKET CLIENT FOLDER: (JSON of frame_words; the client's address, if it says one) through copies; leaves the
# answers in the folder.
try_packet() {
	local from=02:00:00:00:00:01 copies=on_copies quiet length error
	[[ -z $2 ]] || from=$(neighbour_mac "$2")
	# shellcheck disable=SC2059 # escapes are what it is for
	printf "$(stage 'include "frame"; frame_bytes($to; $from) | printf_text' -r --arg to "$(<"/sys/class/net/$dev/address")" --arg from "$from" <<<"$1")" >"$3/frame"
	length=$(stat -c %s "$3/frame")
	# struct xdp_md
	# shellcheck disable=SC2046,SC2059 # numbers
	printf "$(printf '\\x%02x' $(u32 0) $(u32 "$length") $(u32 0) $(u32 "$(<"/sys/class/net/$dev/ifindex")") $(u32 0) $(u32 0))" >"$3/context"
	if [[ $mode =~ ^xdp_($unwrappers)$ ]]; then
		copies=on_copies_of_decap
	else
		quiet=$(settings load_balancer "decimal as \$hex | .flags = [] | $(encoder load_balancer)" -r)
	fi
	error=$($copies "$3" | unshare --mount --propagation private bash -e 2>&1) || die "the packet cannot be tried: $error"
}

# read_road FOLDER ADDRESS: what the kernel knows of the way to the backend that the packet is for, if there is one: lists in
# FOLDER/road.
read_road() {
	local hop=- device=- from=$own
	: >"$1/road"
	[[ -n $2 ]] || return 0
	[[ $2 != *:* ]] || from=$own6
	{ ip -j route get "$2" from "$from" iif "$dev" 2>/dev/null || ip -j route get "$2" 2>/dev/null; } >"$1/road" || true
	read -r hop device < <(jq -rs 'add // [] | .[0] // {} | "\(.gateway // .dst // "-") \(.dev // "-")"' "$1/road")
	[[ -s $1/road ]] || echo '[]' >"$1/road"
	{
		ip -j neigh show "$hop" dev "$device" 2>/dev/null || echo '[]'
		ip -j link show dev "$device" 2>/dev/null || echo '[]'
		echo "[\"$2\", \"$hop\", \"$device\"]"
	} >>"$1/road"
}

# show_steps: an explanation, of a filter that includes its stage, for people or as JSON.
# usage: show_steps COMMAND FILTER [JQ_OPTION...]
show_steps() {
	if [[ -n $json ]]; then "$1" "$2" -c "${@:3}"; else "$1" "$2 | $steps" -r "${@:3}"; fi
}

# why_decap FOLDER: what a decapsulator has made of the packet that was tried.
why_decap() {
	show_steps stage 'include "why_decap"; why_decap' -n --arg mode "$mode" --arg dev "$dev" --argjson frame "$(byte_list "$1/frame")" \
		--slurpfile tried "$1/tried.json" --argjson counters "$(decap_stats_decode <"$1/stats.json")" \
		--argjson roles "$(dump decap_addresses | decap_addresses_decode)"
}

# why PROTOCOL CLIENT:PORT VIP:PORT [OPTION]... | why frame HEX [dev DEV]
why() {
	local lines dev='' mode='' shared=() folder explanation address
	mapfile -t lines < <(stage 'include "words"; include "frame"; answer($ARGS.positional | frame_words; tojson, .dev // "", .client.address // "")' -nr \
		--argjson tunnel_ports "$tunnel_ports" --args "$@")
	accept
	check_machine
	find_program "${lines[1]}"
	[[ $mode =~ ^xdp_($unwrappers)$ ]] || need_configuration
	folder=$(mktemp -d)
	# shellcheck disable=SC2064 # this folder
	trap "rm -rf '$folder'" EXIT
	try_packet "${lines[0]}" "${lines[2]}" "$folder"
	if [[ $mode =~ ^xdp_($unwrappers)$ ]]; then
		why_decap "$folder"
		return
	fi
	mapfile -t lines < <(configured 'include "bytes"; include "chosen"; ($explained | decode("explanation")) as $it
		| ($it | tojson), (explained($it) | chosen // {} | .address // "")' -r --argjson explained "$(byte_list "$folder/explained")")
	explanation=${lines[0]} address=${lines[1]}
	read_road "$folder" "$address"
	show_steps configured 'include "why"; why' --arg mode "$mode" --arg dev "$dev" --argjson frame "$(byte_list "$folder/frame")" \
		--argjson out "$(byte_list "$folder/out")" --slurpfile tried "$folder/tried.json" \
		--argjson counters "$(stats_decode <"$folder/stats.json")" --argjson explanation "$explanation" --slurpfile road "$folder/road"
}
