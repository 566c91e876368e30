#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# experiment: what happens in a group of load balancers, and 200 connections: how many does it break? Where backends change,
# they do so on one load balancer after the other. All of it twice: without a second chance at the backend, and with it.
# usage: [LAB=NAME] labs/group/experiment.sh [SECONDS]    between one load balancer and the next; 10 if not given
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh group
. labs/common/playground.sh
. labs/group/members.sh
[[ $# -le 1 && ${1-10} =~ ^[0-9]+$ ]] || usage
between=${1-10}
need_playground

mapfile -t lbs < <(lb_names)
mapfile -t backends < <(backend_names)
newest=${backends[-1]} # the backend that comes and goes
victim=${lbs[0]}       # the load balancer that dies
dir=$(mktemp -d)       # what the clients say
clients=()             # of each, the pipe that it reads
# No connection has the port of one before, which may be in some memory still.
first_port=$(on client cat /run/xdp-lb/next_port 2>/dev/null) || first_port=10000

# shown NODE COMMAND...: a command on a node, as it would be typed there.
shown() {
	echo "$1# ${*:2}"
	on "$@"
}

# ---- Connections ----

# open_connections N: opens so many, and keeps them open: a client of its own.
open_connections() {
	local i=${#clients[@]}
	echo "client# tests/lib/connections.py ask $VIP $CHAT_PORT $1 $first_port $CLIENT"
	exec {pipe}> >(on client tests/lib/connections.py ask "$VIP" "$CHAT_PORT" "$1" "$first_port" "$CLIENT" >"$dir/$i" 2>/dev/null)
	clients+=("$pipe")
	first_port=$((first_port < 50000 ? first_port + $1 : 10000))
	echo $first_port | on client bash -c 'mkdir -p /run/xdp-lb && cat >/run/xdp-lb/next_port'
	wait_for 30 grep -q ^open "$dir/$i" || die "connections cannot be opened; look with $say$lab/check.sh"
	expected=$((expected + $1))
	grep -qx "open $1" "$dir/$i" || die "not all connections can be opened ($(cat "$dir/$i") of $1); look with $say$lab/check.sh"
}

# talk: a line on each connection, and its answer.
declare -A rounds=()
talk() {
	local i
	for i in "${!clients[@]}"; do
		rounds[$i]=$((${rounds[$i]-0} + 1))
		echo >&"${clients[i]}"
	done
	for i in "${!clients[@]}"; do
		wait_for 90 heard "$i" || die "a client does not end its round"
	done
}
heard() {
	[[ $(grep -cxE '[0-9]+' "$dir/$1") -ge ${rounds[$1]} ]]
}

# living [BACKEND]: how many connections have been answered in the last round, by anybody or by this backend.
living() {
	local i
	for i in "${!clients[@]}"; do
		tac "$dir/$i" | awk -v who="${1-}" 'NR == 1 && who == "" { n = $1 } NR > 1 && !/^by / { exit }
			who != "" && $2 == who { n = $3 } END { print n + 0 }'
	done | awk '{ n += $1 } END { print n }'
}

hang_up() {
	local pipe
	for pipe in "${clients[@]}"; do exec {pipe}>&-; done
	clients=() rounds=()
	rm -f "$dir"/*
}

# ---- The group ----

# services N: the file of the group, whose second service has the first N backends.
services() {
	printf 'service tcp %s:%s\n  check tcp %s\n' "$VIP" "$PORT" "$CHECK"
	printf '  backend %s\n' "${BACKENDS[@]}"
	[[ $1 -gt 0 ]] || return 0
	printf 'service tcp %s:%s\n  check tcp %s\n' "$VIP" "$CHAT_PORT" "$CHECK"
	printf '  backend %s\n' "${BACKENDS[@]:0:$1}"
}

# on_backends COMMAND...: the same on all of them, side by side.
on_backends() {
	local backend jobs=()
	for backend in "${backends[@]}"; do
		on "$backend" "$@" &
		jobs+=($!)
	done
	wait "${jobs[@]}"
}

# shown_on_backends COMMAND...: the same, as it would be typed there.
shown_on_backends() {
	echo "backend-0*# $*"
	on_backends "$@"
}
backend_net=${BACKEND_GATEWAY%.*}.0/$BACKEND_PREFIX

# give_second_chances: the backends hand on what they do not have. For that they need the key and the services, and accept each
# other's packets.
give_second_chances() {
	echo
	shown_on_backends sysctl -qw net.ipv4.conf.eth0.forwarding=1
	shown_on_backends scripts/lb attach relay eth0
	shown_on_backends scripts/lb set key "$KEY"
	shown_on_backends scripts/lb decap add lb "$backend_net"
}

# take_second_chances: the backends are again as setup.sh has made them.
take_second_chances() {
	on_backends bash -c "scripts/lb attach decap eth0 && scripts/lb decap del lb $backend_net"
}

# configure N LB...: brings the file to these, and has them restore it. Who gives second chances has the services before.
configure() {
	local lb
	if [[ $column == with ]]; then
		services "$1" >"$dir/services"
		shown_on_backends scripts/lb restore "$dir/services"
	fi
	for lb in "${@:2}"; do
		services "$1" | on "$lb" tee /run/xdp-lb/services >/dev/null
		echo "$lb# scripts/lb restore /run/xdp-lb/services    # with $1 backends"
		on "$lb" scripts/lb restore /run/xdp-lb/services &
		others+=($!)
	done
	wait "${others[@]}"
	others=()
}
others=()

# one_after_the_other COMMAND...: on each load balancer, with some seconds in between. COMMAND gets its name.
one_after_the_other() {
	local lb
	for lb in "${lbs[@]}"; do
		[[ $lb == "${lbs[0]}" ]] || sleep "$between"
		"$@" "$lb"
		talk
	done
}

# begin N: nobody remembers a connection, and the service has N backends.
begin() {
	hang_up
	configure 0 "${lbs[@]}" >/dev/null
	configure "$1" "${lbs[@]}" >/dev/null
	wait_for 60 all_well || die "the group does not get well; look with $say$lab/check.sh"
}

# begin_with_change: a quiet group like all others: 100 connections are older than the last change of backends, and 100 are
# younger.
begin_with_change() {
	begin $((${#BACKENDS[@]} - 1))
	open_connections 100
	configure ${#BACKENDS[@]} "${lbs[@]}"
	wait_for 60 all_well || die "the group does not get well; look with $say$lab/check.sh"
	open_connections 100
}

# begin_away: the same, while a load balancer is away; but it knows the services that the others know.
begin_away() {
	begin $((${#BACKENDS[@]} - 1))
	lose_victim
	open_connections 100
	configure ${#BACKENDS[@]} "${lbs[@]}"
	open_connections 100
}

unplug() {
	shown switch ip link set "$1.eth0" down
}
plug() {
	shown switch ip link set "$1.eth0" up
}

# lose_victim: the victim dies, and the router has noticed.
lose_victim() {
	unplug "$victim"
	wait_for 20 has_ways $((${#lbs[@]} - 1)) ||
		die "the router does not notice; see: scripts/node exec gateway birdc show protocols"
}
regain_victim() {
	plug "$victim"
	wait_for 60 has_ways ${#lbs[@]} || die "$victim does not come back; see /run/xdp-lb/watch.log there"
}

# ---- What happens ----

dies() {
	lose_victim
}
comes_back() {
	regain_victim
}
reboots() {
	lose_victim
	forget_all "$victim"
	shown "$victim" scripts/lb detach eth0
	talk
	plug "$victim"
	echo "$victim# labs/group/lb.sh"
	on "$victim" labs/group/lb.sh >/dev/null
	wait_for 60 has_ways ${#lbs[@]} || die "$victim does not come back; see /run/xdp-lb/watch.log there"
}
is_added() {
	one_after_the_other configure ${#BACKENDS[@]}
}
drains() {
	[[ $column != with ]] || shown_on_backends scripts/lb backend set tcp "$VIP:$CHAT_PORT" "${BACKENDS[-1]}" weight 0
	one_after_the_other drain_on
}
drain_on() {
	shown "$1" scripts/lb backend set tcp "$VIP:$CHAT_PORT" "${BACKENDS[-1]}" weight 0
}
backend_dies() {
	unplug "$newest"
	wait_for 20 backend_is_gone || die "$newest is not found dead; see /run/xdp-lb/watch.log on ${lbs[0]}"
}
backend_is_gone() {
	local lb
	for lb in "${lbs[@]}"; do
		[[ $(on "$lb" awk 'NR > 1 && $7 == 2' /sys/fs/bpf/xdp/lists/backends | wc -l) -eq 2 ]] || return 1
	done
}
# One has the new services already, the others have not, and it dies.
differ() {
	configure ${#BACKENDS[@]} "$victim"
	wait_for 20 is_well "$victim" || die "the new backend is not found healthy; see /run/xdp-lb/watch.log on $victim"
	open_connections 100
	lose_victim
	talk
	sleep "$between"
	configure ${#BACKENDS[@]} "${lbs[@]:1}"
}

# ---- All of them ----

# step TITLE COMMAND [BACKEND]: what the command does to the connections; with the name of a backend that dies in it: its own
# are counted by themselves.
declare -A broken=()
titles=() column='' n=0
expected=0 # so many connections there are, if none breaks
step() {
	local own=0
	echo
	echo "== $1"
	talk
	expected=$(living)
	[[ -z ${3-} ]] || own=$(living "$3")
	"$2"
	talk
	[[ -z ${3-} ]] || own=$((own - $(living "$3")))
	titles[n]=$1
	broken["$n|$column"]=$((expected - $(living) - own))
	[[ -z ${3-} ]] || broken["$n|own"]=$own
	n=$((n + 1))
}

# all_steps COLUMN: every step, for this column of the table.
all_steps() {
	column=$1 n=0
	begin ${#BACKENDS[@]}
	open_connections 200
	step "no backend has changed; a load balancer dies" dies
	step "  and comes back" comes_back

	begin_with_change
	step "a backend was added; a load balancer dies" dies
	regain_victim

	begin_away
	step "a backend was added; a load balancer comes back" comes_back

	begin_with_change
	step "a backend was added; a load balancer reboots" reboots

	begin $((${#BACKENDS[@]} - 1))
	open_connections 200
	step "a backend is added" is_added
	step "  and drains" drains

	begin ${#BACKENDS[@]}
	open_connections 200
	step "a backend dies" backend_dies "$newest"
	plug "$newest"

	begin $((${#BACKENDS[@]} - 1))
	open_connections 100
	step "the members differ, and one dies" differ
	regain_victim
}

finish() {
	trap - EXIT
	on switch ip link set "$victim.eth0" up
	on switch ip link set "$newest.eth0" up
	hang_up
	configure ${#BACKENDS[@]} "${lbs[@]}" >/dev/null 2>&1 || true
	[[ $column != with ]] || take_second_chances >/dev/null 2>&1 || true
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

all_steps without
give_second_chances
all_steps with

# TITLE|without|with|of a dead backend
for n in "${!titles[@]}"; do
	printf '%s|' "${titles[n]}" "${broken["$n|without"]}" "${broken["$n|with"]}"
	echo "${broken["$n|own"]--}"
done >"$dir/table"

echo
echo "Of 200 connections, broken"
awk -F '|' '
	BEGIN { printf "%-48s %-22s %-22s %s\n", "", "without second chance", "with second chance", "of a dead backend" }
	{ printf "%-48s %-22s %-22s %s\n", $1, $2, $3, $4 }' "$dir/table"

echo
echo "Drawn, a sign for two of them:  - without second chance   + with it   # of a dead backend"
awk -F '|' '
	function bar(n, sign) { while (n > 0) { printf sign; n -= 2 } }
	{ printf "%-48s ", $1; bar($2, "-"); bar($3, "+"); bar($4 + 0, "#"); print "" }' "$dir/table"
