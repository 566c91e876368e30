#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# scripts/node: machines made of namespaces.

load ../lib/helper

teardown() {
	scripts/node destroy --all
}

@test "a node has a hostname, a bpffs, a /run and processes of its own" {
	scripts/node create one
	[ "$(on one hostname)" = one ]
	[ "$(on one stat -f -c %T /sys/fs/bpf)" = bpf_fs ]
	[ "$(on one ls -d /sys/class/net/*)" = /sys/class/net/lo ]
	on one touch /run/of-one
	[ ! -e /run/of-one ]
	[ "$(on one ps -e --no-headers | wc -l)" -le 4 ]
}

@test "a command runs where we are, with its arguments as they are, and its exit status is returned" {
	scripts/node create one
	[ "$(on one pwd)" = "$PWD" ]
	# shellcheck disable=SC2016 # that is the point
	[ "$(on one printf '<%s>' "a b" "" '$x')" = '<a b><><$x>' ]
	run -7 on one bash -c 'exit 7'
}

@test "nodes of one network reach each other, those of others do not" {
	scripts/node create one eth0=red:10.1.0.1/24
	scripts/node create two eth0=red:10.1.0.2/24
	scripts/node create three eth0=blue:10.1.0.3/24
	on one ping -c 1 -W 2 10.1.0.2
	run ! on one ping -c 1 -W 1 10.1.0.3
}

@test "a node has addresses and gateways of both families, at once, and keeps them while its link is down" {
	scripts/node create one eth0=red:10.1.0.1/24,2001:db8:1::1/64 via 10.1.0.2 via 2001:db8:1::2
	[ -z "$(on one ip -6 addr show dev eth0 scope global tentative)" ]
	scripts/node create two eth0=red:10.1.0.2/24,2001:db8:1::2/64
	on one ping -c 1 -W 2 10.1.0.2
	on one ping -c 1 -W 2 2001:db8:1::2
	[ "$(on one ip -j route get 10.9.9.9 | jq -r '.[0].gateway')" = 10.1.0.2 ]
	[ "$(on one ip -j route get 2001:db8:9::9 | jq -r '.[0].gateway')" = 2001:db8:1::2 ]
	on two ip link set eth0 down
	[ -n "$(on two ip -6 addr show dev eth0 to 2001:db8:1::2)" ]
}

@test "a node that is destroyed is gone with its processes, and the last one takes the switch along" {
	scripts/node create one eth0=red:10.1.0.1/24
	scripts/node create two eth0=red:10.1.0.2/24
	background one sleep 4711
	wait_for 5 pgrep -f "sleep 4711"
	scripts/node destroy one
	run ! pgrep -f "sleep 4711"
	run -0 scripts/node list
	[ "${#lines[@]}" -eq 2 ]
	on two true
	scripts/node destroy two
	run -0 scripts/node list
	[ -z "$output" ]
	scripts/node destroy two # and once more
}

@test "the one lab that is up need not be named; of two, one must" {
	# among processes of their own, where no other lab can be up
	LAB='' run -0 unshare --mount --pid --fork --mount-proc bash -ec '
		LAB=a scripts/node create one
		scripts/node exec one hostname
		LAB=b scripts/node create one
		scripts/node exec one hostname || echo "status $?"'
	[ "${lines[0]}" = one ]
	[ "${lines[1]}" = "node: several labs are up (a b); say which: export LAB=a" ]
	[ "${lines[2]}" = "status 1" ]
}

@test "a machine without hosts and resolv.conf, and one whose resolv.conf is a link into /run" {
	cp -a /etc "$BATS_TEST_TMPDIR/etc"
	rm -f "$BATS_TEST_TMPDIR"/etc/{hosts,resolv.conf}
	# shellcheck disable=SC2016 # expanded over there
	run -0 unshare --mount bash -ec '
		mount --bind "$1" /etc
		scripts/node create one
		mount -t tmpfs tmpfs /run # as systemd-resolved has it
		mkdir /run/systemd
		: >/run/systemd/resolv.conf
		ln -s ../run/systemd/resolv.conf /etc/resolv.conf
		scripts/node create two' - "$BATS_TEST_TMPDIR/etc"
	on one true
	on two true
}

@test "bad input is refused, and makes nothing" {
	run -1 scripts/node create Capital
	run -1 scripts/node create a-name-too-long
	run -1 scripts/node create switch
	run -2 scripts/node create one eth0
	run -2 scripts/node create one eth0=red
	run -2 scripts/node create one via
	run -1 scripts/node create one eth0=red:10.1.0.300/24
	run -2 scripts/node create one eth0=red:10.1.0.1/24,2001:db8::
	run -1 scripts/node create one eth0=red:10.1.0.1/24 via 2001:db8::1 # which it cannot reach
	run ! on one true
	run -1 scripts/node exec nobody true
	[[ $output == *"there is no node nobody"* ]]
	run -1 scripts/node shell nobody
	run -2 scripts/node destroy
	run -2 scripts/node
	run -2 scripts/node dance
	LAB='A B' run -1 scripts/node list
	scripts/node destroy --all
	run -0 scripts/node list
	[ -z "$output" ]
	scripts/node create one
	run -1 scripts/node create one
	[[ $output == *"is there already; node destroy one removes it"* ]]
	on one true
}
