# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the labs' scripts share: sourced with the repository as the current directory.

# Where `ip link set xdp` pins the maps.
# shellcheck disable=SC2034 # for whoever sources this
maps=/sys/fs/bpf/xdp/globals

# The encoders: fields -> bytes for `bpftool map update`.
for encoder in maps/*.sh; do
	# shellcheck source=/dev/null
	. "$encoder"
done
unset encoder

# run COMMAND...: shows a command as it would be typed on this machine, and runs it.
run() {
	echo "$HOSTNAME# $*"
	"$@"
}

# why TEXT: one line of why, above a group of commands.
why() {
	echo
	echo "$HOSTNAME: $*"
}

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# wait_for SECONDS COMMAND...: until the command succeeds; false if it never did.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS <= end)) || return 1
		sleep 0.05
	done
}

# role_of NAME: the role script's name of the machine with this name; false if it is none of ours.
role_of() {
	case $1 in
	lb | gateway | client) echo "$1" ;;
	backend-[0-9][0-9]) echo backend ;;
	*) return 1 ;;
	esac
}

# backend_name N: the name of the backend at BACKENDS[N].
backend_name() {
	printf 'backend-%02d' $(($1 + 1))
}

# backend_names: the names of all of them.
backend_names() {
	local i
	for i in "${!BACKENDS[@]}"; do
		backend_name "$i"
		echo
	done
}

# on NODE COMMAND...: runs a command on a node of this lab's playground.
on() {
	scripts/node exec "$@"
}

# playground_is_up: whether the client's node is there.
playground_is_up() {
	on client true 2>/dev/null
}

# fact TEXT COMMAND...: one line of a check.sh: "ok TEXT" if the command succeeds, or else the first
# half of a "not ok" line, which seen TEXT finishes. $failed says whether any fact was not ok.
# shellcheck disable=SC2034 # for whoever sources this
failed=0
fact() {
	local text=$1
	shift
	if "$@" >/dev/null 2>&1; then
		echo "ok: $text"
	else
		# shellcheck disable=SC2034
		failed=1
		echo -n "not ok: $text: "
		return 1
	fi
}
seen() {
	echo "$*"
}

# not COMMAND...: succeeds if the command fails.
not() {
	! "$@"
}

# trace_request [--all]: sends one request to $VIP:$PORT while tcpdump listens on every cable, at the switch's end:
# what an XDP program takes or sends never reaches a tcpdump on its own machine.
trace_request() {
	local dir port node pids=()
	[[ $# -eq 0 || "$*" == --all ]] || die "usage: trace.sh [--all]"
	playground_is_up || die "no playground is up; run setup.sh beside this script"
	dir=$(mktemp -d)
	# shellcheck disable=SC2064 # the folder as it is now
	trap "rm -rf '$dir'" EXIT

	for node in $(scripts/node list | awk '$2 != "switch" { print $2 }'); do
		on "$node" ip -j link | jq -r --arg node "$node" '.[] | select(.ifname != "lo") | "\(.address) \($node)"'
	done >"$dir/macs"
	for port in $(on switch ip -j link | jq -r '.[] | select(.master) | .ifname'); do
		on switch tcpdump -i "$port" --immediate-mode -U -w "$dir/$port.pcap" 'ip proto 4 or tcp' 2>"$dir/$port.log" &
		pids+=($!)
		wait_for 10 grep -q listening "$dir/$port.log" || die "tcpdump does not start: $(cat "$dir/$port.log")"
	done
	# shellcheck disable=SC2153 # PORT comes from the lab's lab.env
	on client curl -sS -o /dev/null --max-time 5 "http://$VIP:$PORT/" || echo "(the request failed)"
	sleep 0.3 # the last packets of the connection
	# shellcheck disable=SC2046 # process ids
	on switch kill $(on switch pgrep -f "$dir/")
	wait "${pids[@]}" 2>/dev/null || true
	labs/trace.py "$@" "$dir/macs" "$dir"/*.pcap
}
