# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# start: lb start, lb stop: all that the file of a machine says (see start.jq). Sourced by lb.
#
# Before something is changed, all of it is checked (start/check.sh), and the way back is noted (start/undo.sh). `start` again,
# after the file was edited, changes what differs.

# choose_file FILE: sets config to its name, and noted to the folder of notes.
choose_file() {
	config=$(readlink -m "${1:-/etc/xdp-lb/config}")
	noted=/run/xdp-lb/started/${config//\//-}
}

# read_steps: sets todo to what the file says, as start.jq prints it.
read_steps() {
	local lines file=$config
	[[ -r $config && ! -d $config ]] || die "there is no file $config that could be read"
	mapfile -t lines < <(stage 'include "start"; start_steps' -rRs --argjson tunnel_ports "$tunnel_ports" <"$config")
	accept
	todo=("${lines[@]}")
}

# for_each FUNCTION: runs it for each step: FUNCTION VERB WORD... What it refuses is said with the line.
for_each() {
	local step words n
	for step in "${todo[@]}"; do
		IFS=$'\t' read -r -a words <<<"$step"
		n=${words[0]}
		where="$config:$n: "
		"$1" "${words[@]:1}"
	done
	where=''
}

# path_of FILE: a name that does not begin with / is beside the machine's file.
path_of() {
	if [[ $1 == /* ]]; then echo "$1"; else echo "${config%/*}/$1"; fi
}

# ---- The steps ----

# run_write NAME VALUE: a sysctl.
run_write() {
	tell sysctl -w "${1//\//.}=$2"
	[[ -n $dry ]] || echo "$2" >"/proc/sys/$1"
}

# need_sysctl NAME N: at least so much.
need_sysctl() {
	local now
	now=$(<"/proc/sys/$1")
	((now < $2)) || return 0
	note_undo sysctl "$1" "$now" "$2"
	run_write "$1" "$2"
}

has_address() {
	[[ -n $(ip -o addr show dev "$2" to "$(single "$1")" 2>/dev/null) ]]
}

# object_and_tag MODE DEV: says which program is on the device: of which file, and its tag in the kernel. Needs xdp_id.
object_and_tag() {
	sha256sum <"$repo/bpf/xdp_$1.o"
	bpftool -j prog show id "$xdp_id" | jq -r .tag
}

# need_forwarding DEV: of IPv6, if something here has to do with it. A router does not listen to others, unless it is told
# to: it would lose a default route that it has from one.
need_forwarding() {
	local ipv6=net/ipv6/conf/$1
	need_sysctl "net/ipv4/conf/$1/forwarding" 1
	[[ -n $needs6 && -e /proc/sys/$ipv6 ]] || return 0
	[[ $(<"/proc/sys/$ipv6/accept_ra") != 1 ]] || need_sysctl "$ipv6/accept_ra" 2
	need_sysctl "$ipv6/forwarding" 1
}

# start_attach MODE DEV [FLAVOUR]: unless this very program is there. Another one of the mode is replaced in one go.
start_attach() {
	local xdp_id xdp_name xdp_flavour dev seen=$noted/program.$2
	[[ $1 == decap ]] || need_forwarding "$2"
	read_device "$2"
	if [[ -n $xdp_id && -e $seen && $(<"$seen") == "$(object_and_tag "$1")" ]]; then return; fi
	if [[ -z $xdp_id ]]; then note_undo detach "$2"; else remove_lists; fi # they may look another way now
	attach "$@"
	read_device "$2"
	object_and_tag "$1" >"$seen"
}

# keep_entry MAP: so that its settings can be what they were, if something fails.
keep_entry() {
	local bytes
	bytes=$(bpftool -j map lookup pinned "$maps/$1" key 0 0 0 0 | jq -r '.value | join(" ")')
	echo "entry $1 $bytes" >>"$noted/undo"
}

# start_vip ADDRESS DEV: on lo, it is nobody else's business: ARP for it is not answered, and not sent from it. (IPv6 has no
# need of that.) One of IPv6 is not asked for on the network, where others may have it too, and nothing is sent from it
# unless somebody says so.
start_vip() {
	local words=() family
	family_of "$1"
	if [[ $family == 6 ]]; then
		words=(nodad preferred_lft 0)
	elif [[ $2 == lo ]]; then
		need_sysctl net/ipv4/conf/all/arp_ignore 1
		need_sysctl net/ipv4/conf/all/arp_announce 2
	fi
	has_address "$@" && return
	note_undo vip "$@"
	run ip addr add "$(single "$1")" dev "$2" "${words[@]}"
}

# start_step VERB WORD...
start_step() {
	local needed setting
	case $1 in
	attach) start_attach "${@:2}" ;;
	key | set | nat)
		if [[ $1 == nat ]]; then keep_entry nat; else keep_entry load_balancer; fi
		case $1 in
		key) set_load_balancer key "$key" ;;
		set) set_load_balancer "${@:2}" ;;
		nat) nat_set "${@:2}" ;;
		esac
		;;
	decap) accept_these "$2" ;;
	decap_set)
		note_undo cookies off
		keep_entry decap_settings
		cookie_sysctls
		for setting in "${needed[@]}"; do need_sysctl "${setting%=*}" "${setting#*=}"; done
		decap_set "${@:2}"
		;;
	restore) restore "$(path_of "$2")" ;;
	vip) start_vip "${@:2}" ;;
	esac
}

# start [FILE]: makes the machine be as its file says. All of it is checked first.
start() {
	local todo key='' balances='' own_address='' own_address6='' needs6='' before
	acts='command' # a unit's journal shall say why it has not started
	no_more "${@:2}"
	choose_file "${1-}"
	check_machine
	read_steps
	take_lock
	for_each check_step
	if [[ -n $dry ]]; then
		printf '%s\n' "${todo[@]}" | cut -f 2- | tr '\t' ' '
		return
	fi
	(umask 077 && mkdir -p "$noted" && touch "$noted/undo") || die "the folder $noted cannot be made"
	before=$(wc -l <"$noted/undo")
	# shellcheck disable=SC2064 # the number as it is now
	trap "where=''; undo_since $before; [[ -s $noted/undo ]] || rm -rf '$noted'" EXIT
	for_each start_step
	keep_links
	trap - EXIT
	undo_the_rest
}

# stop [FILE]: undoes all that start has done.
stop() {
	no_more "${@:2}"
	choose_file "${1-}"
	take_lock
	if [[ ! -e $noted/undo ]]; then
		warn "nothing of $config has been started"
	elif [[ -n $dry ]]; then
		tac "$noted/undo" | sed 's/^/undo: /'
	else
		undo_since 0
		rm -rf "$noted"
	fi
}
