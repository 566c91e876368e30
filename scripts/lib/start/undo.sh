# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# start/undo: the way back from what lb start does: notes in a file of /run, a line each: "detach DEV", "sysctl NAME OLD NEW",
# "cookies off", "vip ADDRESS DEV"; and, until the command has come to its end, "entry MAP BYTES". If a step fails, what this
# command has noted is undone, the last first; stop undoes all. Sourced by lb.

# note_undo WORD...: a way back, once.
note_undo() {
	! grep -qxF -- "$*" "$noted/undo" || return 0
	echo "$*" >>"$noted/undo"
}

# undo WORD...: a note.
undo() {
	case $1 in
	detach) undo_attach "$2" ;;
	# what somebody has changed since is theirs
	sysctl) [[ ! -e /proc/sys/$2 || $(<"/proc/sys/$2") != "$4" ]] || run_write "$2" "$3" ;;
	cookies) [[ ! -e $maps/decap_settings ]] || decap_set cookies "$2" ;;
	vip) ! has_address "$2" "$3" || run ip addr del "$(single "$2")" dev "$3" ;;
	entry) [[ ! -e $maps/$2 ]] || run bpftool map update pinned "$maps/$2" key 0 0 0 0 value "${@:3}" ;;
	esac
}

# undo_attach DEV: also if somebody has taken the program off, or the device is gone: its maps go.
undo_attach() {
	local stale xdp_id='' xdp_name='' xdp_flavour=''
	rm -f "$noted/program.$1"
	[[ ! -e /sys/class/net/$1 ]] || read_device "$1"
	if is_ours "$xdp_name"; then
		detach "$1"
	else
		mapfile -t stale < <(stale_pins "$1")
		[[ ${#stale[@]} -eq 0 ]] || clear_maps "${stale[@]}"
	fi
}

# undo_since N: the notes behind line N, the last first, and forgets them.
undo_since() {
	local line words
	while read -r line; do
		read -r -a words <<<"$line"
		(undo "${words[@]}") || warn "this could not be undone: $line"
	done < <(tail -n +"$(($1 + 1))" "$noted/undo" | tac)
	sed -i "$(($1 + 1)),\$d" "$noted/undo"
}

# ---- What the file does not say any more ----

# expect_step VERB WORD...: adds to wanted which notes have their reason in this step.
expect_step() {
	local needed
	case $1 in
	attach)
		wanted+=" detach:$3 sysctl:net/ipv4/conf/$3/forwarding"
		[[ -z $needs6 ]] || wanted+=" sysctl:net/ipv6/conf/$3/accept_ra sysctl:net/ipv6/conf/$3/forwarding"
		note_undo detach "$3" # also if somebody else has attached it
		;;
	vip)
		wanted+=" vip:$2:$3"
		[[ $3 != lo || $2 == *:* ]] || wanted+=" sysctl:net/ipv4/conf/all/arp_ignore sysctl:net/ipv4/conf/all/arp_announce"
		;;
	decap_set)
		cookie_sysctls
		needed=("${needed[@]%=*}")
		wanted+=" cookies:off ${needed[*]/#/sysctl:}"
		;;
	esac
	wanted+=' '
}

# undo_the_rest: what the file does not say any more.
undo_the_rest() {
	local wanted=' ' line words keep=() key
	sed -i '/^entry /d' "$noted/undo"
	for_each expect_step
	while read -r line; do
		read -r -a words <<<"$line"
		key=${words[0]}:${words[1]}
		[[ ${words[0]} != vip ]] || key+=:${words[2]}
		if [[ $wanted == *" $key "* ]]; then
			keep=("$line" "${keep[@]}")
		else
			(undo "${words[@]}") || warn "this could not be undone: $line"
		fi
	done < <(tac "$noted/undo")
	printf '%s\n' "${keep[@]}" | sed '/^$/d' >"$noted/undo.new"
	mv "$noted/undo.new" "$noted/undo"
}
