#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# experiment: six ways for a backend to die, while 100 clients keep connections and 50 new ones come each second. How long
# does it take until the load balancer knows, and what is lost?
# usage: [LAB=NAME] labs/health/experiment.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh health
. labs/common/playground.sh
[[ $# -eq 0 ]] || usage
need_playground
MODE=$(on lb cat /run/xdp-lb/mode) # as setup.sh was told
# shellcheck source=labs/health/lab.env
. "${LAB_ENV:-$lab/lab.env}"

log=/run/xdp-lb/watch.log
heard=$(mktemp) # a line for each request of the clients
trap 'rm -f "$heard"' EXIT

# shown NODE COMMAND...: a command on a node, as it would be typed there.
shown() {
	echo "$1# ${*:2}"
	on "$@"
}

# uptime: seconds since boot, as in the logs of watch and of the clients.
uptime() {
	cut -d ' ' -f 1 /proc/uptime
}

# all_healthy: what checks have found of the backends.
all_healthy() {
	on lb scripts/lb --json service show | jq -e '.[0].backends | all(.health == "healthy")'
}

# ---- The deaths: what is done to the backend $victim, and how it is undone (which may be done twice) ----

kill_server() {
	shown "$victim" kill -KILL "$(on "$victim" cat /run/xdp-lb/server.pid)"
}
start_server() {
	on "$victim" curl -s -o /dev/null "http://$address:$PORT/" ||
		shown "$victim" labs/health/server.py "$PORT" "Hello from $victim ($address)"
}

freeze() {
	shown "$victim" kill -STOP "$(on "$victim" cat /run/xdp-lb/server.pid)"
}
thaw() {
	shown "$victim" kill -CONT "$(on "$victim" cat /run/xdp-lb/server.pid)"
}

unplug() {
	shown switch ip link set "$victim.eth0" down
}
plug() {
	shown switch ip link set "$victim.eth0" up
}

# fall_ill MOOD
fall_ill() {
	echo "$victim# echo $1 >/run/xdp-lb/mood"
	on "$victim" tee /run/xdp-lb/mood <<<"$1" >/dev/null
}
get_well() {
	fall_ill well
}

lose_vip() {
	if [[ $MODE == ipip ]]; then
		shown "$victim" ip link set dev eth0 xdp off
	else
		shown "$victim" ip addr del "$VIP/32" dev lo
	fi
	echo "and yet a check of its own address would find nothing wrong:"
	shown lb curl -sS --max-time 2 "http://$address:$PORT/"
}
get_vip() {
	if [[ $MODE == ipip ]]; then
		shown "$victim" ip -force link set dev eth0 xdp obj bpf/xdp_decap.o sec xdp
	else
		shown "$victim" ip addr replace "$VIP/32" dev lo
	fi
}

# ---- One death ----

# said TEXT: waits until watch says this of the victim, and prints its line. Sets at to the time in it.
said() {
	local line
	# shellcheck disable=SC2016 # expanded on the node
	line=$(on lb timeout 60 bash -c 'until tail -n "+$1" "$2" | grep -m 1 -F "$3"; do sleep 0.02; done' - \
		"$next_line" $log "backend $address:$PORT $1") || die "lb watch does not notice it; see $log on lb"
	echo "lb watch: ${line#* lb: }"
	at=${line%% *}
}

# tell_lines: what is said from now on begins at this line.
tell_lines() {
	next_line=$(($(on lb sed -n '$=' $log) + 1))
}

# death NAME N COMMAND... / UNDO: one row of the result. The command kills BACKENDS[N], UNDO brings it back.
rows=() undo=''
death() {
	local died noticed back_at at next_line
	victim=$(backend_name "$2") address=${BACKENDS[$2]}
	echo
	echo "== $1: $victim"
	tell_lines
	undo=${*: -1}
	died=$(uptime)
	"${@:3:$#-4}"
	said "HAS FAILED"
	noticed=$at
	sleep 1
	tell_lines
	back_at=$(uptime)
	$undo
	said "is healthy again"
	undo=''
	sleep 0.5
	rows+=("$(count "$died" "$(uptime)" | awk -v name="$1" -v victim="$victim" -v noticed="$noticed" -v died="$died" \
		-v at="$at" -v back_at="$back_at" -F '|' '{
			printf "%s|%s|%.2f|%s|%.2f", name, victim, noticed - died, $0, at - back_at }')")
}

# count FROM TO: of the clients' requests between these times: new ones lost, and kept connections lost on the victim and
# on the others, each as "LOST of ALL".
count() {
	awk -v from="$1" -v to="$2" -v victim="$victim" '
		$1 > from - 0.6 && $1 <= from && $3 == "kept" { had[$2] = $5 }
		$1 <= from || $1 > to { next }
		$3 == "new" { new++; if ($4 != "ok") new_lost++ }
		$3 == "kept" && ($4 == "broken" || $4 == "timeout") { if ($5 == victim) lost++; else others_lost++ }
		END {
			for (client in had) if (had[client] == victim) own++; else others++
			printf "%d of %d|%d of %d|%d of %d", new_lost, new, lost, own, others_lost, others
		}' "$heard"
}

# ---- All of them ----

# At the end everything is healthy, also if somebody has pressed Ctrl-C.
finish() {
	trap - EXIT
	if [[ -n $undo ]]; then
		$undo
		wait_for 60 all_healthy || true
	fi
	exec {clients}>&-
	wait
	rm -f "$heard"
}
wait_for 60 all_healthy || die "not all backends are healthy; look with $say$lab/check.sh"
echo "client# labs/health/clients.py $VIP $PORT"
exec {clients}> >(on client labs/health/clients.py "$VIP" "$PORT" >"$heard") # they end when this is closed
trap finish EXIT
trap 'exit 130' INT TERM HUP
sleep 3 # until all of them are there

death "killed" 0 kill_server / start_server
death "frozen" 1 freeze / thaw
death "unplugged" 2 unplug / plug
death "answers 500" 0 fall_ill 500 / get_well
death "accepts nobody" 1 fall_ill stuck / get_well
[[ $MODE == nat ]] || death "its VIP is gone" 2 lose_vip / get_vip

[[ $MODE != nat ]] || rows+=("its VIP is gone|-|-|-|-|-|-") # with NAT a backend has no VIP

echo
printf '%-16s %-11s %12s  %-13s %-29s %10s\n' "" "" "noticed" "new requests" "kept connections lost" "back"
printf '%-16s %-11s %12s  %-13s %-14s %-14s %10s\n' "death" "of" "after (s)" "lost" "on it" "on the others" "after (s)"
printf '%s\n' "${rows[@]}" | awk -F '|' '{ printf "%-16s %-11s %12s  %-13s %-14s %-14s %10s\n", $1, $2, $3, $4, $5, $6, $7 }'
