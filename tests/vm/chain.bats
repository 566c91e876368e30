#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Our program in a chain of programs, as libxdp makes one: behind xdp-filter, a firewall. The host's own kernel may have no
# way to replace a part of a program by another one, which such chains are made of; Debian's have it. make test-drivers
# starts the virtual machine.

load ../lib/helper

setup_file() {
	modprobe -qa veth bridge
	set_up_lab ipip
}

teardown_file() {
	scripts/node destroy --all
}

asks() {
	# shellcheck disable=SC2154 # vip comes from the helper
	[ "$(on client curl -s --max-time "$1" "http://$vip:8000/?[1-8]" | grep -c Hello)" -eq 8 ]
}

@test "xdp-filter, and ours behind it: what it lets pass is balanced, what it denies is not" {
	local services="$BATS_TEST_TMPDIR/services"
	asks 20
	lb save >"$services"
	lb detach eth0
	on lb xdp-filter load --mode native eth0
	# the way in the README
	on lb xdp-loader load --prio 20 --pin-path "$MAPS" eth0 bpf/xdp_ipip.o
	lb set address 192.168.178.10
	lb restore "$services"
	on lb xdp-loader status eth0
	wait_for 5 asks 20
	[ "$(lb --json stats | jq '.verdicts[] | select(.name == "forwarded").packets')" -ge 40 ]
	on lb xdp-filter ip --mode src 10.0.0.20
	run ! asks 3
	on lb xdp-filter ip --mode src --remove 10.0.0.20
	asks 20
	# and lb says whose program is on the device, and leaves it alone
	run -1 scripts/node exec lb scripts/lb attach ipip eth0
	[[ $output == *"programs of xdp-tools run on eth0"* ]]
	asks 20
}
