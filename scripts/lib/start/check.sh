# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# start/check: whether what the file of a machine says can be done here, before anything is changed. Sourced by lb.

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
