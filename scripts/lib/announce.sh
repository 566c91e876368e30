# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# announce: tells BIRD which VIPs it shall announce by BGP: in two files, one for each family, which its configuration
# includes (see scripts/etc/bird.conf). lb watch writes them; who takes the program off, or drains the machine, empties them.
# Sourced by lb.

bird=/run/xdp-lb/bird
bird_deaf='' # since when BIRD has not taken what we say
# What is said of a VIP behind its prefix. BIRD gives no such route to the kernel: that a packet meets a black hole is
# only what BIRD calls a route that leads to nobody else.
announced_well='blackhole;'
announced_worse='blackhole { bgp_med = 100; };'

# write_announcements TEXT4 TEXT6: the two files, each all at once. False if that is what they say already.
write_announcements() {
	local family text new=1
	for family in 4 6; do
		text=$1
		[[ $family == 4 ]] || text=$2
		[[ $text != "$(cat "$bird/vip$family.conf" 2>/dev/null)" ]] || continue
		new=0
		# BIRD is another user, and the unit of lb watch hides what it writes.
		(umask 022 && mkdir -p "$bird" && echo "$text" >"$bird/new$family" && mv "$bird/new$family" "$bird/vip$family.conf") ||
			warn "the file $bird/vip$family.conf cannot be written: BIRD goes on to announce what it has"
	done
	return $new
}

# tell_bird: it reads its configuration again. Who does not run will read it at the start.
tell_bird() {
	local said
	tell birdc configure
	if said=$(timeout -s KILL 3 birdc configure 2>&1); then
		[[ -z $bird_deaf ]] || log 5 "BIRD listens again" OLD=deaf NEW=listening
		bird_deaf=''
	else
		[[ -n $bird_deaf ]] ||
			warn "BIRD does not take which VIPs it shall announce: ${said##*$'\n'}; look with: birdc configure check"
		bird_deaf=$EPOCHSECONDS
	fi
}

# is_announcing: whether the files name a VIP.
is_announcing() {
	grep -qs '^route ' "$bird"/vip[46].conf
}

# withdraw WHY: nothing shall be announced any more.
withdraw() {
	is_announcing || return 0
	log 4 "all VIPs are withdrawn: $1" OLD=announced NEW=withdrawn "WHY=$1"
	[[ -z $dry ]] || return 0
	! write_announcements '' '' || tell_bird
}

# announce: lb watch: what BIRD shall announce now. Does nothing if neither services, nor health, settings or programs are
# others than before.
announce() {
	local address state service word prefix how why routes4='' routes6=''
	declare -A before=()
	if [[ -z $announce_due && $announced_programs == "${#devices[@]}" ]]; then
		[[ -z $bird_deaf ]] || ((EPOCHSECONDS < bird_deaf + 5)) || tell_bird
		return 0
	fi
	announce_due='' announced_programs=${#devices[@]}
	why=$(not_announced)
	if [[ -n $why ]]; then
		withdraw "$why"
		return
	fi
	while read -r word prefix how; do
		[[ $word != route ]] || before[${prefix%/*}]=$how
	done < <(cat "$bird"/vip[46].conf 2>/dev/null)
	while read -r address state service; do
		is_lasting "$address" "$state" "${before[$address]-}" || state=unknown announce_due=1
		how=$(announcement "$state" "${before[$address]-}")
		tell_announced "$address" "${before[$address]-}" "$how" "$service"
		[[ -n $how ]] || continue
		prefix=$(single "$address")
		if [[ $address == *:* ]]; then routes6+="route $prefix $how"$'\n'; else routes4+="route $prefix $how"$'\n'; fi
	done < <(configured 'include "announce"; configuration | vips' -r)
	! write_announcements "${routes4%$'\n'}" "${routes6%$'\n'}" || tell_bird
}

# not_announced: why nothing is, if that is so.
not_announced() {
	if [[ $own_flags != *,announce,* ]]; then
		echo "announce is off"
	elif [[ $own_flags == *,draining,* ]]; then
		echo "this machine is draining"
	elif ((${#devices[@]} == 0)); then
		echo "the program is on no device"
	fi
}

# is_lasting ADDRESS STATE BEFORE: whether it may be announced, if it is well: it has been so for three seconds, or is announced
# already. A machine that was cut off finds its backends well again one after the other: the first of them would get
# everything.
declare -gA well_since=()
is_lasting() {
	if [[ $2 != well ]]; then
		unset "well_since[$1]"
	elif [[ $3 != "$announced_well" ]]; then
		well_since[$1]=${well_since[$1]-${now%.*}}
		((${now%.*} - ${well_since[$1]} >= 3)) || return 1
	fi
}

# announcement STATE BEFORE: what is said of a VIP in this state, or nothing. As long as nobody knows, it stays as it was:
# a new check of a service that is well takes nothing away, and a machine that has just started says nothing yet.
announcement() {
	case $1 in
	well) echo "$announced_well" ;;
	unknown) echo "$2" ;;
	failed) [[ $own_flags != *,worse,* ]] || echo "$announced_worse" ;;
	esac
}

# tell_announced ADDRESS BEFORE NOW SERVICE: says what has changed, if anything has.
tell_announced() {
	[[ $2 != "$3" ]] || return 0
	case $3 in
	"$announced_well") log 5 "$1 is announced" "OLD=${2:-withdrawn}" NEW=announced ;;
	'') log 4 "$1 IS WITHDRAWN: $4 has not enough healthy backends" "SERVICE=$4" OLD=announced NEW=withdrawn ;;
	*) log 4 "$1 is announced as a worse way: $4 has not enough healthy backends" "SERVICE=$4" "OLD=${2:-withdrawn}" NEW=worse ;;
	esac
}
