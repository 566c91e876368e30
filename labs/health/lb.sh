#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The load balancer of the health lab: services with checks, and lb watch, which carries them out.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh health

why "the program asks the kernel for routes, and the VIP is ours"
run sysctl -qw net.ipv4.ip_forward=1
run ip addr replace "$VIP/32" dev eth0
if [[ $MODE == nat ]]; then
	why "our own connections must not use the ports that we lend to connections of clients"
	# shellcheck disable=SC2153 # PORTS comes from lab.env
	run sysctl -qw net.ipv4.ip_local_port_range="1024 $((PORTS[0] - 1))"
fi

why "load the program"
run scripts/lb attach "$MODE" eth0
run mkdir -p /run/xdp-lb
echo "$MODE" >/run/xdp-lb/mode # for check.sh and experiment.sh

why "the service, how its backends are checked, and how many of them it needs"
{
	echo "service tcp $VIP:$PORT need 2"
	echo "  check $CHECK"
	printf '  backend %s\n' "${BACKENDS[@]}"
} >/run/xdp-lb/services
run cat /run/xdp-lb/services
run scripts/lb restore /run/xdp-lb/services

# stamped COMMAND...: puts the seconds since boot in front of each line that the command prints.
stamped() {
	"$@" 2>&1 | while IFS= read -r line; do
		read -r now _ </proc/uptime
		echo "$now $line"
	done
}

# watch_runs: whether there is one already.
watch_runs() {
	local pid
	read -r pid </run/xdp-lb/watch/pid && kill -0 "$pid"
} 2>/dev/null

# all_healthy: whether checks have found that all backends are.
all_healthy() {
	scripts/lb --json service show | jq -e '.[0].backends | all(.health == "healthy")'
}

why "check them from now on, in the background; what it says goes to a file, with the time in front"
if ! watch_runs; then
	echo "$HOSTNAME# scripts/lb watch >/run/xdp-lb/watch.log 2>&1 &"
	export -f stamped
	setsid bash -c 'stamped scripts/lb watch' </dev/null >/run/xdp-lb/watch.log 2>&1 3>&- &
fi
wait_for 30 all_healthy || die "not all backends are healthy; see /run/xdp-lb/watch.log"
run cat /run/xdp-lb/watch.log

why "what has it found?"
run scripts/lb service show
