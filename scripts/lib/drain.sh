# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# drain: lb drain: this machine shall get no packets any more. Its VIPs are withdrawn; then it waits until no packet comes.
# Sourced by lb.

# set_draining true|false: notes it in the maps, where lb watch, and the next one, find it.
set_draining() (
	take_lock
	need_maps load_balancer
	need_configuration
	[[ $own_flags != *,draining,* || $1 == false ]] || exit 0
	[[ $own_flags == *,draining,* || $1 == true ]] || die "this machine is not draining"
	change_settings load_balancer "{\"flags\":{\"draining\":$1}}"
)

# somebody_watches: whether lb watch runs.
somebody_watches() {
	local pid
	read -r pid <"$rounds/pid" && [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == *"lb watch "* ]]
} 2>/dev/null

# gone_by: packets that were sent on, since the program was attached.
gone_by() {
	dump stats | stats_decode | jq '[.[] | select(.name | IN("forwarded", "redirected")).packets] | add'
}

# withdraw_all ANNOUNCED: BIRD announces nothing any more: lb watch sees to it, or else we. ANNOUNCED: 1 if it did before.
withdraw_all() {
	local tries
	if [[ -z $1 ]]; then
		echo "lb: nothing is announced by lb watch; if others send packets here, stop them by hand"
		return
	fi
	if somebody_watches; then
		for ((tries = 0; tries < 100; tries++)); do
			is_announcing || break
			sleep 0.1
		done
		is_announcing || echo "lb: lb watch has withdrawn the VIPs"
	else
		warn "lb watch does not run"
	fi
	withdraw "this machine is draining" # if nobody has
}

# drain [wait SECONDS] [idle SECONDS], drain off
drain() {
	local lines wait idle announced=''
	if [[ ${1-} == off ]]; then
		no_more "${@:2}"
		set_draining false
		[[ -n $dry ]] || somebody_watches || warn "lb watch does not run: nothing is announced"
		return
	fi
	words_of 'include "settings"; answer($ARGS.positional | drain_words; "\(.wait) \(.idle)")' "$@"
	read -r wait idle <<<"${lines[0]}"
	! is_announcing || announced=1 # lb watch may be faster than we are
	set_draining true
	[[ -z $dry ]] || return 0
	withdraw_all "$announced"
	wait_until_idle "$wait" "$idle"
}

# wait_until_idle WAIT IDLE: until no packet was sent on for IDLE seconds; WAIT seconds at most, unless it is 0.
wait_until_idle() {
	local now before started=$SECONDS quiet=$SECONDS told=$SECONDS told_at
	before=$(gone_by) told_at=$before
	while ((SECONDS - quiet < $2)); do
		(($1 == 0 || SECONDS - started < $1)) ||
			die "after $1 s this machine is not idle: the last packet came $((SECONDS - quiet)) s ago. It goes on to drain; to wait more: lb drain"
		sleep 1
		[[ -e $maps/stats ]] || die "the load balancer was taken off this machine"
		now=$(gone_by)
		[[ $now == "$before" ]] || quiet=$SECONDS before=$now
		if ((SECONDS - told >= $2)); then
			echo "lb: $((SECONDS - started)) s: $((now - told_at)) packets in the last $((SECONDS - told)) s"
			told=$SECONDS told_at=$now
		fi
	done
	echo "lb: this machine is idle: no packet for $2 s. To have it back: lb drain off"
}
