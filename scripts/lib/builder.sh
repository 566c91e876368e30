# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# builder: gives commands to the programs that change the maps in the kernel (bpf/xdp_maglev.c, bpf/xdp_settle.c), and
# makes the configuration be what was asked for. Sourced by lb.

# load_builder NAME: for the commands that follow.
load_builder() {
	local map words=()
	builder=$bpffs/xdp/$1
	[[ -e $repo/bpf/$1.o ]] || die "$repo/bpf/$1.o is not built; run: make -C $repo"
	for map in load_balancer services destinations slots backends backend_stats flows new_flows; do
		[[ ! -e $maps/$map ]] || words+=(map name "$map" pinned "$maps/$map")
	done
	rm -f "$builder" # of a command that was killed
	run bpftool prog load "$repo/bpf/$1.o" "$builder" "${words[@]}" ||
		die "the kernel does not take bpf/$1.o; if the maps are those of an older version: lb detach DEV"
}

unload_builder() {
	run rm -f "$builder"
}

# order_builder BYTES: gives it one command, as printf understands it; sets answer to what it returns, and fails if
# that is an error. (bpftool wants room for the command when the program is done with it: up to 64 KiB.)
order_builder() {
	local output
	tell "printf '$1' | bpftool prog run pinned $builder data_in - data_size_out 131072"
	# shellcheck disable=SC2059 # escapes are what it is for
	output=$(printf "$1" | bpftool -j prog run pinned "$builder" data_in - data_size_out 131072 2>&1) || true
	[[ $output =~ \"retval\":([0-9]+) ]] || {
		warn "${builder##*/} does not run: $output"
		return 1
	}
	answer=${BASH_REMATCH[1]}
	((answer < COMMAND_MALFORMED)) || {
		warn "${builder##*/} refuses a command ($((answer - COMMAND_MALFORMED)), see enum command_error in maps/types/command.h)"
		return 1
	}
}

# plan VERB: what was typed or is in a file, on stdin -> what is to be done. Sets warnings, keep, forget, steps and
# orders. It ends the command if that cannot be, before anything is changed.
plan() {
	local line lines
	mapfile -t lines <<<"$(parse_text | configured 'include "change"; change' -r --arg verb "$1" --argjson limits "$limits" \
		--argjson dry "${dry:-0}")"
	accept
	warnings=() keep=() forget=() steps=() orders=()
	for line in "${lines[@]}"; do
		case ${line%% *} in
		warn) warnings+=("${line#* }") ;;
		keep) read -ra keep <<<"${line#* }" ;;
		forget) read -ra forget <<<"${line#* }" ;;
		plan) steps+=("${line#* }") ;;
		order) orders+=("${line#* }") ;;
		esac
	done
}

# carry_out: does it. It fails if the kernel did not let it finish.
carry_out() {
	local order warning
	for warning in "${warnings[@]}"; do warn "$warning"; done
	[[ ${#keep[@]} -eq 0 ]] || keep_neighbours "${keep[@]}"
	[[ ${#steps[@]} -eq 0 ]] || printf '%s\n' "${steps[@]}"
	[[ ${#orders[@]} -eq 0 ]] || load_builder xdp_maglev
	for order in "${orders[@]}"; do
		order_builder "$order" || {
			unload_builder
			return 1
		}
	done
	[[ ${#orders[@]} -eq 0 ]] || unload_builder
	[[ ${#forget[@]} -eq 0 ]] || forget_neighbours "${forget[@]}"
}

# change VERB LINE...: carries out a command of one service, whose words are a service's line, and a backend's.
change() {
	local verb=$1
	parse_words "${@:2}"
	take_lock
	[[ -e $maps/services ]] || check_typed # what was typed is looked at before the machine is
	need_configuration
	plan "$verb" <<<"$typed"
	carry_out || die "the kernel refused it; everything is as it was"
}
