# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# machine: facts of any machine with a program of ours, see doctor.sh.

examine_machine() {
	kernel_is_new
	kernel_has_btf
	bpffs_is_mounted
	tools_are_there
}

# examine_program DEV: the program on a device, and the device under it.
examine_program() {
	program_is_current "$1"
	device_is_up "$1"
	packets_stay_apart "$1"
	tags_stay "$1"
}

kernel_is_new() {
	local release
	read -r release </proc/sys/kernel/osrelease
	fact "the kernel is 6.1 or newer" "$release" "" is_new_enough "$release"
}

kernel_has_btf() {
	local found=there
	[[ -e /sys/kernel/btf/vmlinux ]] || found="there is no /sys/kernel/btf/vmlinux; take a kernel with CONFIG_DEBUG_INFO_BTF"
	fact "the kernel has BTF" "$found" "" test -e /sys/kernel/btf/vmlinux
}

bpffs_is_mounted() {
	local found=there
	is_bpffs "$bpffs" || found="nothing of that kind is there (in a playground, enter machines by scripts/node exec)"
	fact "bpffs is mounted on $bpffs" "$found" "mount -t bpf bpf $bpffs" is_bpffs "$bpffs"
}

# missing_tools TOOL...: those that are not there.
missing_tools() {
	local tool
	for tool; do command -v "$tool" >/dev/null || echo "$tool"; done
}

tools_are_there() {
	local missing found
	mapfile -t missing < <(missing_tools ip bpftool jq ethtool arping)
	found="missing: $(some "${missing[@]}")"
	[[ ${#missing[@]} -gt 0 ]] || found="$(bpftool version | head -n 1), $(ip -V | grep -o 'iproute2-[0-9.]*'), $(jq --version)"
	fact "the tools are there" "$found" "$repo/scripts/deps lab" is_empty "${missing[@]}"
}

# ---- The program ----

# mode_of DEV: as lb attach has it.
mode_of() {
	echo "${program[$1]#xdp_}"
}

# program_is_native DEV [WHY]: or there is a reason for it to be generic.
program_is_native() {
	local mode
	mode=$(mode_of "$1")
	[[ -z ${2-} || ${flavour[$1]} != generic ]] || {
		fact "${program[$1]} runs on $1 in generic mode" "because $2" "" true
		return
	}
	hint "${program[$1]} runs on $1 in native mode" "${flavour[$1]}" \
		"ip link set dev $1 xdpgeneric off; lb attach $mode $1 native || lb attach $mode $1 generic" test "${flavour[$1]}" != generic
}

# pinned_maps: "ID NAME" of each map of ours that is pinned.
pinned_maps() {
	local pin
	for pin in $(pins); do
		[[ ! -e $repo/maps/${pin##*/}.sh ]] || echo "map show pinned $pin"
	done | { bpftool -j batch file - 2>/dev/null || true; } | jq -r '.[].output | select(.id) | "\(.id) \(.name)"'
}

# trial OBJECT SECTION: loads a program as lb attach does, and prints its tag, or what is wrong with it. It leaves nothing: it
# is in a network namespace of its own, and in a bpffs of its own, where the maps are pinned, too.
trial() {
	# shellcheck disable=SC2016 # expanded over there
	unshare --net --mount bash -c '
		mount -t bpf bpf "$2" && mkdir -p "$3" || exit
		while read -r id name; do echo "map pin id $id $3/$name"; done <<<"$4" | bpftool batch file - >/dev/null 2>&1
		ip link set dev lo xdpgeneric obj "$1" sec "$5" 2>&1 && ip -j -d link show lo | jq -r ".[0].xdp.prog.tag"
		' - "$1" "$bpffs" "$maps" "$(pinned_maps)" "$2" || true
}

# program_is_current DEV: the object on disk is the program that runs. To know its tag, it must be loaded: lb attach takes its
# section xdp.frags, and who attaches by hand perhaps the other one.
program_is_current() {
	local mode mend object found section
	mode=$(mode_of "$1") mend="lb attach $mode $1" object=$repo/bpf/${program[$1]}.o
	if [[ ! -e $object ]]; then
		fact "it is the program in $object" "which is not built" "make -C $repo" false
		return
	fi
	for section in xdp.frags xdp; do
		found=$(trial "$object" $section)
		[[ $found != "${tag[$1]}" ]] || break
	done
	case $found in
	"${tag[$1]}") ;;
	*mismatch*)
		found="its maps are of another kind or size than those that are pinned; to change them breaks connections"
		mend="lb save >/run/services && lb detach $1 && lb attach $mode $1 && lb restore /run/services # lb set, too"
		[[ $mode != relay ]] || mend+=" and lb decap add"
		[[ $mode != decap ]] || mend="lb detach $1 && lb attach $mode $1 # and lb decap add again"
		;;
	*) found="that is another one now ($(tail -n 1 <<<"$found")), ${tag[$1]} runs" ;;
	esac
	fact "it is the program in $object" "$found" "$mend" test "$found" = "${tag[$1]}"
}

# programs_maps_are_pinned DEV...: what lb does reaches the programs on these devices. A map whose pin is lost is still
# there as long as its program runs. False if they are not: then lb cannot read them either.
programs_maps_are_pinned() {
	local lost name id mends=("mkdir -p $maps") pinned
	pinned=$(pinned_maps)
	mapfile -t lost < <(
		jq -rn --slurpfile links <(ip -j -d link) --slurpfile programs <(bpftool -j prog show) --slurpfile maps <(bpftool -j map show) '
			[$links[0][] | select(.ifname | IN($ARGS.positional[])).xdp.prog.id] as $on
			| [$programs[0][] | select(.id | IN($on[])).map_ids // [] | .[]] as $ids
			| [$maps[0][] | select(.name and (.id | IN($ids[])))] | unique_by(.name)[] | "\(.id) \(.name)"' --args "$@" |
			while read -r id name; do
				[[ ! -e $repo/maps/$name.sh || $'\n'$pinned$'\n' == *$'\n'"$id $name"$'\n'* ]] || echo "$name $id"
			done
	)
	for name in "${lost[@]}"; do
		read -r name id <<<"$name"
		mends+=("rm -f $maps/$name" "bpftool map pin id $id $maps/$name")
	done
	if [[ ${#lost[@]} -eq 0 ]]; then
		fact "its maps are pinned" "$(wc -l <<<"$pinned") in $maps" "" true
	else
		fact "its maps are pinned" "not these: $(some "${lost[@]% *}"); what lb does, they do not see" "$(chain "${mends[@]}")" false
		return 1
	fi
}

# ---- The device ----

device_is_up() {
	local mend="ip link set dev $1 up"
	[[ ${state[$1]} != "no carrier" ]] || mend=''
	fact "$1 is up" "${state[$1]}" "$mend" test "${state[$1]}" = up
}

# packets_stay_apart DEV: nobody joins packets to larger ones before the program sees them. The kernel's own GRO comes after
# a native program, but before a generic one. virtio_net has its host stop when a program comes, if it is able to.
packets_stay_apart() {
	local feature short joins=() mends=()
	for feature in large-receive-offload:lro rx-gro-hw:rx-gro-hw generic-receive-offload:gro; do
		short=${feature#*:} feature=${feature%:*}
		[[ $short != gro || ${flavour[$1]} == generic ]] || continue
		[[ $(offload "$1" "$feature") == on* ]] || continue
		[[ $short != rx-gro-hw || $(driver_of "$1") != virtio_net || $(offload "$1" "$feature") == *fixed ]] || continue
		joins+=("$short")
		mends+=("ethtool -K $1 $short off")
	done
	fact "$1 does not join packets before the program sees them" "${joins[*]:-off}${joins[*]:+: on}" "$(chain "${mends[@]}")" \
		is_empty "${joins[@]}"
}

# tags_stay DEV: hardware that takes VLAN tags off hides them from the program. It matters where there are VLANs.
tags_stay() {
	local vlans=() name strips
	for name in "${!kind[@]}"; do
		[[ ${kind[$name]} != vlan || ${peer[$name]} != "$1" ]] || vlans+=("$name")
	done
	[[ ${#vlans[@]} -gt 0 ]] || return 0
	strips=$(offload "$1" rx-vlan-offload)
	fact "$1 leaves VLAN tags in packets (for $(some "${vlans[@]}"))" "rxvlan $strips" "ethtool -K $1 rxvlan off" test "${strips%% *}" = off
}

# checksums_are_complete DEV: a veth leaves the checksums of what this machine sends to whoever is at its other end, and XDP
# there cannot finish them.
checksums_are_complete() {
	local tx
	[[ ${kind[$1]} == veth ]] || return 0
	tx=$(offload "$1" tx-checksumming)
	fact "what this machine sends out of $1 has its checksums" "a veth with tx $tx" "ethtool -K $1 tx off" test "${tx%% *}" = off
}
