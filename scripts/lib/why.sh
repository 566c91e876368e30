# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# why: lb why: what would become of a packet, and why. The packet is tried: by the same program that is on the device, but on
# copies of all that the program writes. Nothing is counted, and nothing is noted. Sourced by lb.

steps='.steps[] | "\(.step + "          " | .[:10]) \(.text)"' # of an explanation, for people

# find_program [DEV]: sets dev and mode to the program of ours that the packet meets, and shared to the maps that
# this program has, as NAME:ID.
find_program() {
	local found id
	found=$(ip -j -d link | jq -r --arg dev "${1-}" --arg modes "$modes" --arg not "$probe_device" '.[] | select(.ifname != $not)
		| select($dev == "" or .ifname == $dev or any(.altnames[]?; . == $dev))
		| select(.xdp.prog.name // "" | rtrimstr("_frags") | test("^xdp_(" + $modes + ")$")) | "\(.ifname) \(.xdp.prog.id) \(.xdp.prog.name | rtrimstr("_frags"))"')
	[[ -n $found ]] || die "no program of ours is on ${1:-a device}: the kernel gets every packet; run: lb attach MODE ${1:-DEV}"
	[[ $found != *$'\n'* ]] || die "programs are on several devices; say which one the packet comes in by: dev ${found%% *}"
	read -r dev id mode <<<"$found"
	mapfile -t shared < <(jq -rs '(.[0].map_ids) as $ids | .[1][] | select(.id as $id | any($ids[]; . == $id)) | "\(.name):\(.id)"' \
		<(bpftool -j prog show id "$id") <(bpftool -j map show))
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
	local words copied=(flows new_flows) read_only=(services slots probes destinations) explain=xdp_why settings=''
	if [[ $mode == xdp_nat ]]; then
		copied=(conntrack conntrack6 destinations seats handshakes handshakes6) read_only=(services slots) explain=xdp_why_nat settings=nat
	fi
	echo "mount -t bpf bpf $bpffs"
	words=()
	join "" backends "${read_only[@]}" $settings
	echo "bpftool prog loadall '$repo/bpf/$mode.o' $bpffs/tried ${words[*]}"
	# Without `debug`: a trace log is read by people.
	echo "bpftool map update pinned $bpffs/load_balancer key $(u32 0) value $quiet"
	echo "bpftool map pin id \$(bpftool -j prog show pinned $bpffs/tried/$mode | jq '.map_ids[]' | while read -r id; do
		bpftool -j map show id \$id; done | jq 'select(.name == \"fragments\").id') $bpffs/fragments"
	words=()
	[[ $mode == xdp_nat ]] || join "" backends
	join "" "${read_only[@]}"
	join_copies load_balancer fragments "${copied[@]}"
	join real_ fragments "${copied[@]}"
	echo "bpftool prog loadall '$repo/bpf/$explain.o' $bpffs/why ${words[*]}"
	echo "bpftool prog run pinned $bpffs/why/xdp_copy data_in '$1/frame' >/dev/null"
	echo "bpftool -j prog run pinned $bpffs/why/$explain data_in '$1/frame' ctx_in '$1/context' data_out '$1/explained' data_size_out 65000 >'$1/why.json'"
	echo "bpftool -j prog run pinned $bpffs/tried/${mode}_frags data_in '$1/frame' ctx_in '$1/context' data_out '$1/out' data_size_out 65000 >'$1/tried.json'"
	echo "bpftool -j map dump pinned $bpffs/stats >'$1/stats.json'"
}

# on_copies_of_decap FOLDER: the same for a decapsulator, which remembers nothing but its counters.
on_copies_of_decap() {
	local words=()
	join "" decap_addresses
	echo "mount -t bpf bpf $bpffs"
	echo "bpftool prog loadall '$repo/bpf/$mode.o' $bpffs/tried ${words[*]}"
	echo "bpftool -j prog run pinned $bpffs/tried/${mode}_frags data_in '$1/frame' ctx_in '$1/context' data_out '$1/out' data_size_out 65000 >'$1/tried.json'"
	echo "bpftool -j map dump pinned $bpffs/decap_stats >'$1/stats.json'"
}

# neighbour_mac ADDRESS: the MAC address of the next hop to it, as far as the kernel knows; or one of nobody.
neighbour_mac() {
	local hop device mac
	read -r hop device < <(ip -j route get "$1" 2>/dev/null | jq -r '.[0] | "\(.gateway // .dst) \(.dev)"') || true
	mac=$(ip -j neigh show "${hop:-$1}" ${device:+dev "$device"} 2>/dev/null | jq -r '.[0].lladdr // empty')
	echo "${mac:-02:00:00:00:00:01}"
}

# byte_list FILE: its bytes, as a list of JSON.
byte_list() {
	od -An -v -tu1 "$1" | tr -s ' \n' , | sed 's/^,*/[/;s/,*$/]/'
}

# try_packet PACKET FOLDER: (JSON of frame_words) through copies; leaves the answers in the folder.
try_packet() {
	local from=02:00:00:00:00:01 client length error
	client=$(jq -r '.client.address // empty' <<<"$1")
	[[ -z $client ]] || from=$(neighbour_mac "$client")
	# shellcheck disable=SC2059 # escapes are what it is for
	printf "$(stage 'include "frame"; frame_bytes($to; $from) | printf_text' -r --arg to "$(<"/sys/class/net/$dev/address")" --arg from "$from" <<<"$1")" >"$2/frame"
	length=$(stat -c %s "$2/frame")
	# struct xdp_md
	# shellcheck disable=SC2046,SC2059 # numbers
	printf "$(printf '\\x%02x' $(u32 0) $(u32 "$length") $(u32 0) $(u32 "$(<"/sys/class/net/$dev/ifindex")") $(u32 0) $(u32 0))" >"$2/context"
	if [[ $mode == xdp_decap ]]; then
		error=$(on_copies_of_decap "$2" | unshare --mount --propagation private bash -e 2>&1) || die "the packet cannot be tried: $error"
		return
	fi
	quiet=$(settings load_balancer "decimal as \$hex | .flags = [] | $(encoder load_balancer)" -r)
	error=$(on_copies "$2" | unshare --mount --propagation private bash -e 2>&1) ||
		die "the packet cannot be tried: $error"
}

# read_roads FOLDER: what the kernel knows of the way to the backend that the packet is for: into FOLDER/road.json.
read_roads() {
	local address hop device from=$own
	address=$(configured 'include "words"; include "why"; explained($explanation[0]) | chosen // empty | .address' -r \
		--slurpfile explanation "$1/explanation.json")
	echo null >"$1/road.json"
	[[ -n $address ]] || return 0
	[[ $address != *:* ]] || from=$own6
	{ ip -j route get "$address" from "$from" iif "$dev" 2>/dev/null || ip -j route get "$address" 2>/dev/null; } >"$1/route.json" || true
	read -r hop device < <(jq -rs 'add // [] | .[0] // {} | "\(.gateway // .dst // "-") \(.dev // "-")"' "$1/route.json")
	jq -n --arg address "$address" --arg hop "$hop" --arg device "$device" \
		--slurpfile neighbour <(ip -j neigh show "$hop" dev "$device" 2>/dev/null || echo '[]') \
		--slurpfile route "$1/route.json" --slurpfile link <(ip -j link show dev "$device" 2>/dev/null || echo '[]') \
		'{$address, $hop, $device, neighbour: ($neighbour[0][0]), mtu: ([$route[][0].metrics[]?.mtu // empty][0] // $link[0][0].mtu)}' >"$1/road.json"
}

# why_decap FOLDER: what a decapsulator has made of the packet that was tried.
why_decap() {
	stage 'include "why_decap"; why_decap' -nc --arg mode "$mode" --arg dev "$dev" --argjson frame "$(byte_list "$1/frame")" \
		--argjson action "$(jq .retval "$1/tried.json")" --argjson verdict "$(decap_stats_decode <"$1/stats.json" | jq -c 'map(select(.packets > 0).name)')" \
		--argjson roles "$(dump decap_addresses | decap_addresses_decode)" | print_list "$steps"
}

# why PROTOCOL CLIENT:PORT VIP:PORT [OPTION]... | why frame HEX [dev DEV]
why() {
	local lines packet dev='' mode='' shared=() quiet folder size
	mapfile -t lines < <(stage 'include "words"; include "frame"; answer($ARGS.positional | frame_words; tojson)' -nr \
		--argjson tunnel_ports "$tunnel_ports" --args "$@")
	accept
	packet=${lines[0]}
	check_machine
	find_program "$(jq -r '.dev // empty' <<<"$packet")"
	[[ $mode == xdp_decap ]] || need_configuration
	folder=$(mktemp -d)
	# shellcheck disable=SC2064 # this folder
	trap "rm -rf '$folder'" EXIT
	try_packet "$packet" "$folder"
	if [[ $mode == xdp_decap ]]; then
		why_decap "$folder"
		return
	fi
	size=$(stage 'include "bytes"; size("explanation")' -n)
	byte_list <(head -c "$size" "$folder/explained") | stage 'include "bytes"; decode("explanation")' -c >"$folder/explanation.json"
	read_roads "$folder"
	configured 'include "why"; why' -c --arg mode "$mode" --arg dev "$dev" --argjson frame "$(byte_list "$folder/frame")" \
		--argjson out "$(byte_list "$folder/out")" --argjson action "$(jq .retval "$folder/tried.json")" \
		--argjson verdict "$(stats_decode <"$folder/stats.json" | jq -c 'map(select(.packets > 0).name)')" \
		--slurpfile explanation "$folder/explanation.json" --slurpfile road "$folder/road.json" |
		print_list "$steps"
}
