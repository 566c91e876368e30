#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What lb watch heals without anybody typing anything, in the labs of all modes: a link that flaps, another gateway, and
# MAC addresses that change without a word. Each line of the table says when requests were answered again.

load ../lib/helper

teardown() {
	scripts/node destroy --all
}

# heals TITLE COMMAND...: after the command, requests are answered again before long. They come one after the other.
heals() {
	local begun=${EPOCHREALTIME/[.,]/} last failed=0 now
	"${@:2}"
	last=$begun
	for (( ; ; )); do
		now=${EPOCHREALTIME/[.,]/}
		if on client curl -s --max-time 0.3 -o /dev/null http://192.168.178.15:8000/; then
			# both backends, and for a while
			((now - last < 1500000)) || break
		else
			last=${EPOCHREALTIME/[.,]/} failed=$((failed + 1))
			((now - begun < 20000000)) || {
				echo "$1: no answer after 20 s"
				on lb cat /run/watch.log
				lb --json stats | jq -c '[.verdicts[] | select(.packets > 0) | {(.name): .packets}] | add'
				return 1
			}
		fi
	done
	printf '%-6s %-44s %2d requests lost, all answered again after %d ms\n' "$mode" "$1" "$failed" $(((last - begun) / 1000))
}

flap() {
	on switch ip link set lb.eth0 down
	sleep 0.3
	on switch ip link set lb.eth0 up
}

new_mac() {
	on "$1" ip link set dev "$2" address "$3"
}

# heals_all MODE DEV=NETWORK:ADDRESS: a second gateway has this device, too: to the backends, or to the client.
heals_all() {
	local mode=$1
	set_up_lab "$1"
	lb check add tcp 192.168.178.15:8000 tcp interval 0.5 fast-interval 0.25 timeout 0.4 fall 3
	background lb bash -c 'exec scripts/lb watch >/run/watch.log 2>&1'
	wait_for 10 eval '[ "$(lb --json service show | jq -c "[.[0].backends[].health] | unique")" = "[\"healthy\"]" ]'
	scripts/node create gateway2 eth0=lan:192.168.178.3/24 "$2"
	on gateway2 sysctl -qw net.ipv4.ip_forward=1
	heals "the link of lb is down for 0.3 s" flap
	heals "lb's way leads over another gateway" on lb ip route replace default via 192.168.178.3
	heals "that gateway gets another MAC address" new_mac gateway2 eth0 02:00:00:00:99:01
	heals "lb's way leads back" on lb ip route replace default via 192.168.178.2
	# With l2dsr, the answers go from the backends to the gateway. It tells them itself, as routers do.
	[ "$mode" != l2dsr ] || on gateway sysctl -qw net.ipv4.conf.eth0.arp_notify=1
	heals "the first gateway gets another MAC address" new_mac gateway eth0 02:00:00:00:99:02
	heals "backend-01 gets another MAC address" new_mac backend-01 eth0 02:00:00:00:99:03
	[ "$(lb --json stats | jq '.verdicts[] | select(.name == "bug").packets')" -eq 0 ]
}

@test "ipip: requests are answered again soon after links, routes and MAC addresses have changed" {
	heals_all ipip eth1=dc:172.16.0.3/24
}

@test "l2dsr: the same" {
	heals_all l2dsr eth1=wan:10.0.0.3/16
}

@test "nat: the same" {
	heals_all nat eth1=wan:10.0.0.3/16
}
