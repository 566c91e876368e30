# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# builder: gives commands to the programs that change the maps in the kernel (bpf/xdp_maglev.c, bpf/xdp_settle.c), and
# makes the configuration be what was asked for. Sourced by lb.

# For encode.jq.
encoders="$(encoder command); $(encoder backend_change); $(encoder client_change); $(encoder server_id_change); $(encoder checks)"
orders=/run/xdp-lb/orders # for bpftool to read, while one is carried out

# room_for_orders: nothing has been done yet, should there be none.
room_for_orders() {
	[[ -d $orders ]] || mkdir -p "$orders" 2>/dev/null ||
		die "the folder $orders cannot be made; it is where bpftool reads commands from"
}

# need_own_maps: the maps that no program for packets has, but the builder: they are made with the first service.
need_own_maps() {
	local map words
	for map in "${own_maps[@]}"; do
		[[ ! -e $maps/$map ]] || continue
		words="${map^^}_MAP[@]"
		run bpftool map create "$maps/$map" "${!words}" || die "the map of $map cannot be made"
		[[ -n $dry || $map != @(checks|prefixes) ]] || pin_list "$map" # the other lists are made by those who read them
	done
}

# load_builder NAME MAP...: a program, for the commands that follow, on these of the maps that are pinned. (With NAT
# there are no flows: the program gets maps of its own for them, which stay empty.)
load_builder() {
	local map words=()
	builder=$bpffs/xdp/$1
	[[ -e $repo/bpf/$1.o ]] || die "$repo/bpf/$1.o is not built; run: make -C $repo"
	for map in "${@:2}"; do
		[[ ! -e $maps/$map ]] || words+=(map name "$map" pinned "$maps/$map")
	done
	[[ ! -e $builder ]] || rm -f "$builder" # of a command that was killed
	run bpftool prog load "$repo/bpf/$1.o" "$builder" "${words[@]}" ||
		die "the kernel does not take bpf/$1.o; if the maps are those of an older version: lb detach DEV"
}

# order_builder BYTES...: gives it commands, each as printf understands it, one after the other, and takes it away again.
# Sets `answers` to what it has returned for each; fails if one of them is an error, or one was not carried out.
order_builder() {
	local i=0 order batch='' output rest
	for order; do
		tell "printf '$order' | bpftool prog run pinned $builder data_in - data_size_out 131072"
		# shellcheck disable=SC2059 # escapes are what it is for
		printf "$order" >"$orders/$i"
		# bpftool wants room for the command when the program is done with it: up to 64 KiB.
		batch+="prog run pinned $builder data_in $orders/$i data_size_out 131072"$'\n'
		i=$((i + 1))
	done
	output=$(bpftool -j batch file - <<<"$batch" 2>&1) || true
	tell "rm -f $builder"
	rm -rf "$orders" "$builder"

	answers=() rest=$output
	while [[ $rest == *'"retval":'* ]]; do
		rest=${rest#*'"retval":'}
		answers+=("${rest%%[!0-9]*}")
		((answers[-1] < COMMAND_MALFORMED)) || {
			warn "${builder##*/} refuses a command ($((answers[-1] - COMMAND_MALFORMED)), see enum command_error in maps/types/command.h)"
			return 1
		}
	done
	[[ ${#answers[@]} -eq $# ]] || {
		warn "${builder##*/} does not run: $output"
		return 1
	}
}

# plan VERB [READER]: what was typed, or is in a file, on stdin -> what is to be done. Sets warnings, keep, forget, steps,
# commands and notes. It ends the command if that cannot be, before anything is changed. READER makes JSON of the text.
plan() {
	local line lines
	mapfile -t lines <<<"$("${2-parse_text}" | configured 'include "change"; change' -c --arg verb "$1" --argjson limits "$limits" |
		stage "include \"bytes\"; include \"tell\"; hex as \$hex | tell($encoders)" -nr --argjson dry "${dry:-0}" --arg verb "$1")"
	accept
	warnings=() keep=() forget=() steps=() commands=() notes=()
	for line in "${lines[@]}"; do
		case ${line%% *} in
		warn) warnings+=("${line#* }") ;;
		keep) read -ra keep <<<"${line#* }" ;;
		forget) read -ra forget <<<"${line#* }" ;;
		plan) steps+=("${line#* }") ;;
		command) commands+=("${line#* }") ;;
		note) notes+=("${line#* }") ;;
		esac
	done
}

# carry_out: does it. It fails if the kernel did not let it finish.
carry_out() {
	local warning line words
	[[ ${#commands[@]} -eq 0 ]] || room_for_orders
	for warning in "${warnings[@]}"; do warn "$warning"; done
	[[ ${#keep[@]} -eq 0 ]] || keep_neighbours "${keep[@]}"
	[[ ${#steps[@]} -eq 0 ]] || printf '%s\n' "${steps[@]}"
	if [[ ${#commands[@]} -gt 0 ]]; then
		need_own_maps
		load_builder xdp_maglev load_balancer services destinations slots backends backend_stats flows new_flows clients server_ids limits "${own_maps[@]}"
		order_builder "${commands[@]}" || {
			[[ ${#keep[@]} -eq 0 ]] || forget_neighbours "${keep[@]}"
			return 1
		}
	fi
	[[ ${#forget[@]} -eq 0 ]] || forget_neighbours "${forget[@]}"
	for line in "${notes[@]}"; do
		IFS=$'\t' read -ra words <<<"$line"
		note "${words[@]}"
	done
	tell_held
}

# shown_server WORD [PORT]: sets server to an address and its port as the journal has it, whatever way it was typed. PORT
# is for a word without one.
shown_server() {
	local bytes=() text=$1 port=${2-}
	if [[ $1 =~ ^\[(.*)\](:(.*))?$ ]]; then
		text=${BASH_REMATCH[1]} port=${BASH_REMATCH[3]:-$port}
	elif [[ $1 == *:* && $1 != *:*:* ]]; then
		text=${1%:*} port=${1#*:}
	fi
	if [[ $text =~ ^[0-9a-fA-F:]*::?[0-9a-fA-F:.]*$ ]]; then
		ipv6 "$text"
		[[ ${#bytes[@]} -ne 16 ]] || ipv6_text "${bytes[@]}"
		text="[$text]"
	fi
	server=$text:$port
}

# name_refused LINE...: sets `refused`, fields of the journal, should this command be refused.
name_refused() {
	local line protocol vip server port
	for line; do
		case $line in
		service*)
			read -r _ protocol vip _ <<<"$line"
			shown_server "$vip"
			vip=$server
			refused=("SERVICE=$protocol $vip")
			;;
		backend*)
			read -r _ server _ <<<"$line"
			port=${vip##*:}
			shown_server "$server" "${port/any/0}"
			refused+=("BACKEND=$server")
			;;
		esac
	done
}

# change VERB LINE...: carries out a command of one service, whose words are a service's line, and a backend's.
change() {
	local verb=$1
	name_refused "${@:2}"
	parse_words "${@:2}"
	take_lock
	[[ -e $maps/services ]] || check_typed # what was typed is looked at before the machine is
	need_configuration
	plan "$verb" <<<"$typed"
	carry_out || die "the kernel refused it; everything is as it was"
}
