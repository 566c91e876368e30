# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# start: lb start, lb stop: all that the file of a machine says (see start.jq). Sourced by lb.
#
# Before something is changed, the way back is noted in a file of /run, a line each: "detach DEV", "sysctl NAME OLD NEW",
# "cookies off", "vip ADDRESS DEV"; and, until the command has come to its end, "entry MAP BYTES". If a step fails, what this command has
# noted is undone, the last first; stop undoes all. `start` again, after the file was edited, changes what differs.

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

# ---- Before anything is changed ----

# check_step VERB WORD...: whether it can be done on this machine. What has to do with IPv6 sets needs6.
check_step() {
	local dev xdp_id xdp_name xdp_flavour flavour bytes text
	[[ $1 != @(set|vip) || $* != *:* ]] || needs6=1
	declare -A flavours=([native]=xdpdrv [generic]=xdpgeneric)
	case $1 in
	attach)
		[[ -e $repo/bpf/xdp_$2.o ]] || die "$repo/bpf/xdp_$2.o is not built; run: make -C $repo"
		read_device "$3"
		check_device "$2" "${flavours[${4-none}]-xdp}"
		[[ $2 == decap ]] || balances=$3
		[[ $2 == decap || -z $(address_of "$3" 6) ]] || needs6=1
		;;
	set)
		[[ ! "${*:2} " =~ address\ ([0-9.]+)\  ]] || own_address=${BASH_REMATCH[1]}
		[[ ! "${*:2} " =~ address\ ([^ ]*:[^ ]*) ]] || {
			bytes=()
			ipv6 "${BASH_REMATCH[1]}"
			ipv6_text "${bytes[@]}"
			own_address6=$text
		}
		;;
	key) check_key "$(path_of "$2")" ;;
	restore)
		check_services "$(path_of "$2")"
		! grep -qE '^[[:space:]]*(service|backend)[^#]*:[^#]*:' "$(path_of "$2")" || needs6=1
		;;
	vip) [[ -e /sys/class/net/$3 ]] || die "there is no device $3; 'ip -br link' lists those that are there" ;;
	esac
}

# check_key FILE: it is a key, nobody else can read it, and it is the one in use, if there are services: every connection
# would move. Sets key.
check_key() {
	local mode owner
	[[ -f $1 ]] || die "there is no file $1; make it: (umask 077; od -An -N32 -tx8 -w32 /dev/urandom | tr -d ' ' >$1)"
	read -r mode owner < <(stat -L -c '%a %U' "$1")
	[[ $owner == root && $mode == *00 ]] || die "$1 can be read by others; run: chown root $1 && chmod 600 $1"
	read -r key <"$1" || true
	[[ $key =~ ^[0-9a-fA-F]{64}$ && $(wc -w <"$1") -eq 1 ]] || die "$1 has no key in it: 32 bytes in hex are 64 digits"
	[[ -e $maps/services && -e $lists/services && $(wc -l <"$lists/services") -gt 1 ]] || return 0
	# shellcheck disable=SC2046 # numbers
	[[ $(printf %02x $(settings load_balancer '.hash_key[]')) == "${key,,}" ]] ||
		die "$1 is not the key in use, and with another one connections move; if they may: lb set key \$(cat $1)"
}

# check_services FILE: whether it could be restored. If no maps are there yet: on a load balancer without services.
check_services() (
	local text file=$1
	read_services "$file"
	if [[ -e $maps/services ]]; then
		need_configuration
		own=${own_address:-$own} own6=${own_address6:-$own6}
		limits=$(jq -c --arg own "$own" --arg own6 "$own6" '. + {$own, $own6}' <<<"$limits")
	else
		lists=$(mktemp -d)
		# shellcheck disable=SC2064 # the folder as it is now
		trap "rm -rf '$lists'" EXIT
		echo "map 0" | tee "$lists/services" "$lists/backends" >"$lists/checks"
		own=${own_address:-$(address_of "$balances" 4)} own6=${own_address6:-$(address_of "$balances" 6)}
		here='' # it decides only whose packets are the kernel's
		set_limits "$MAX_SLOTS" "$MAX_BACKENDS"
	fi
	plan restore <<<"$text"
)

# ---- Notes ----

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
		wanted+=" cookies:off ${needed[*]/#/sysctl:}"
		wanted=${wanted//=[0-9]/}
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
