#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The IPIP lab in other forms (more and fewer backends, other addresses, other decapsulators); and it leaves nothing
# behind.

load ../lib/helper

teardown() {
	labs/ipip/teardown.sh >/dev/null
}

# works_as FAMILY CLIENT: a request is answered in this form, and the client has this address; prints the trace.
works_as() {
	FAMILY=$1 run -0 labs/ipip/setup.sh
	[ "$(grep -c "^Hello from backend-0[12]" <<<"$output")" -eq 8 ]
	labs/ipip/trace.sh
	on backend-01 grep -q "^$2 " /run/xdp-lb/http.log
}

# traces: everything that a playground could leave on this host.
traces() {
	scripts/node list
	ip -br link | awk '{ print $1 }'
	ip netns list
	grep -c . /proc/self/mountinfo
	find /sys/fs/bpf -mindepth 1
	pgrep -fa "xdp-lb-node:$LAB:|http.server|tcpdump" | grep -v pgrep || true
	sysctl -a 2>/dev/null | grep -E 'ip_forward|rp_filter|arp_' | sort
}

# programs: the ids of those that are loaded and could be ours.
programs() {
	bpftool -j prog show | jq -r '.[] | select((.name // "") | startswith("xdp_")).id' | sort
}

# remember: keeps what is there before a test.
remember() {
	traces >"$BATS_TEST_TMPDIR/before"
	programs >"$BATS_TEST_TMPDIR/programs"
}

# settled: what is there now is what was there before. (Programs that were there may have gone: those of the last
# test, or of somebody else.)
settled() {
	diff "$BATS_TEST_TMPDIR/before" <(traces) || return 1
	comm -13 "$BATS_TEST_TMPDIR/programs" <(programs) | diff /dev/null - # nothing new
}

# env_with: makes a lab.env of the lab's own lines and those from standard input, which come last and count.
env_with() {
	{
		cat labs/ipip/lab.env
		cat
	} >"$BATS_TEST_TMPDIR/lab.env"
	export LAB_ENV=$BATS_TEST_TMPDIR/lab.env
}

@test "the lab works with five backends" {
	env_with <<<'BACKENDS=(172.16.0.10 172.16.0.11 172.16.0.12 172.16.0.13 172.16.0.14)'
	labs/ipip/setup.sh
	run -0 labs/ipip/check.sh
	echo "$output"
	[ "$(grep -c "^ok: backend-0[1-5] serves some of them" <<<"$output")" -eq 5 ]
}

@test "the lab works with one backend" {
	env_with <<<'BACKENDS=(172.16.0.10)'
	labs/ipip/setup.sh
	labs/ipip/check.sh
}

@test "the lab works with other addresses, prefixes and another port" {
	env_with <<-'END'
		VIP=203.0.113.80
		PORT=80
		LB=203.0.113.5
		LB_GATEWAY=203.0.113.1
		LB_PREFIX=25
		BACKENDS=(10.20.30.40 10.20.31.50 10.20.31.51)
		BACKEND_GATEWAY=10.20.30.1
		BACKEND_PREFIX=23
		CLIENT=198.51.100.7
		CLIENT_GATEWAY=198.51.100.1
		CLIENT_PREFIX=24
	END
	labs/ipip/setup.sh
	labs/ipip/check.sh
	run -0 labs/ipip/trace.sh
	grep -qE "\*lb +\*gateway +\*203.0.113.5 > 10.20.3[01].[0-9]+ +198.51.100.7 > 203.0.113.80" <<<"$output"
}

@test "LAB_ENV may name a file relative to the current directory" {
	env_with <<<'PORT=8888'
	cd "$BATS_TEST_TMPDIR"
	LAB_ENV=lab.env "$BATS_TEST_DIRNAME/../../labs/ipip/setup.sh" | grep -q "http://192.168.178.15:8888/"
	LAB_ENV=lab.env "$BATS_TEST_DIRNAME/../../labs/ipip/check.sh"
	cd "$BATS_TEST_DIRNAME/../.."
}

@test "the lab works with IPv6 in IPv4, and with IPv4 in IPv6" {
	works_as 6in4 2001:db8:10::20 >"$BATS_TEST_TMPDIR/trace"
	grep -qE "3 +\*lb +\*gateway +\*192.168.178.10 > 172.16.0.1[01] +2001:db8:10::20 > 2001:db8:178::15 .* \*64/62$" "$BATS_TEST_TMPDIR/trace"
	works_as 4in6 10.0.0.20 >"$BATS_TEST_TMPDIR/trace"
	grep -qE "3 +\*lb +\*gateway +\*2001:db8:178::10 > 2001:db8:172::1[01] +10.0.0.20 > 192.168.178.15 .* \*64/62$" "$BATS_TEST_TMPDIR/trace"
}

@test "a family that the lab does not have is refused, before anything is removed" {
	scripts/node create probe
	FAMILY=5 run -1 labs/ipip/setup.sh
	[[ $output == *"FAMILY=5 is not known; use 4, 6, 6in4 or 4in6" ]]
	FAMILY=6 run -1 labs/maglev/setup.sh
	[[ $output == *"the lab has no IPv6 addresses"*"use FAMILY=4" ]]
	FAMILY=6 DECAP=kernel run -1 labs/ipip/setup.sh
	[[ $output == *"DECAP=kernel unwraps IPv4 in IPv4 only; use FAMILY=4, or DECAP=xdp" ]]
	on probe true
}

@test "check.sh says quickly that nothing is answered, and why" {
	labs/ipip/setup.sh >/dev/null
	on lb sysctl -qw net.ipv4.ip_forward=0
	sleep 3 # the next hop is kept for up to 2.5 s
	run -1 labs/ipip/check.sh
	echo "$output"
	[ "$output" = "not ok: a request is answered: no answer; forwarding_off rose on lb: may lb's kernel forward? scripts/node exec lb sysctl net.ipv4.ip_forward. " ]
}

@test "with DECAP=none the request fails, as the lab's first exercise says" {
	DECAP=none run -0 labs/ipip/setup.sh
	grep -q "^No answer. Where is the packet lost?$" <<<"$output"
	[[ $output == *"labs/ipip/trace.sh"* ]]
	[[ $output != *unwrap* ]] # that is for the reader to find out
	[[ $output != *"has its answer"* ]]
	run -1 labs/ipip/check.sh
	[[ $output == "not ok: the backends unwrap packets: neither xdp_decap nor ipip0"* ]]
	run -0 labs/ipip/trace.sh
	grep -q "times again" <<<"$output"
	grep -q "^no answer was seen$" <<<"$output"
}

@test "with DECAP=kernel ipip0 unwraps, or the lab says clearly that this kernel has no ipip" {
	if scripts/node create probe && on probe ip link add name ipip0 type ipip external 2>/dev/null; then
		DECAP=kernel labs/ipip/setup.sh
		labs/ipip/check.sh
	else
		DECAP=kernel run -1 labs/ipip/setup.sh
		grep -q "this kernel has no ipip (CONFIG_NET_IPIP); use DECAP=xdp instead" <<<"$output"
		DECAP=magic run -1 labs/ipip/setup.sh
		grep -q "DECAP=magic is not known" <<<"$output"
		on probe true # what is up is left alone
	fi
}

@test "two labs with different names do not disturb each other" {
	LAB=$LAB-a labs/ipip/setup.sh >/dev/null
	LAB=$LAB-b labs/ipip/setup.sh >/dev/null
	LAB=$LAB-a labs/ipip/check.sh
	LAB=$LAB-b labs/ipip/check.sh
	LAB=$LAB-a labs/ipip/teardown.sh
	LAB=$LAB-b labs/ipip/check.sh
	LAB=$LAB-b labs/ipip/teardown.sh
}

# bats test_tags=alone
@test "teardown leaves nothing behind, and can run twice" {
	remember
	labs/ipip/setup.sh >/dev/null
	run ! settled
	labs/ipip/teardown.sh
	wait_for 10 settled || settled
	labs/ipip/teardown.sh
}

# bats test_tags=alone
@test "teardown leaves nothing behind when setup was killed at any moment" {
	local delay setup family=4
	remember
	for delay in 0.05 0.15 0.3 0.45 0.6 0.8 1.0 1.3 1.6; do
		family=$((10 - family)) # 6 and 4 in turns
		FAMILY=$family setsid labs/ipip/setup.sh >/dev/null 2>&1 3>&- &
		setup=$!
		sleep $delay
		# the whole session: setup.sh and whatever it has running at the moment
		kill -KILL -- -"$setup" 2>/dev/null || true
		wait $setup 2>/dev/null || true
		labs/ipip/teardown.sh
		wait_for 10 settled || settled
	done
}

@test "setup works after a setup that was killed" {
	local setup
	setsid labs/ipip/setup.sh >/dev/null 2>&1 3>&- &
	setup=$!
	sleep 0.7
	kill -KILL -- -"$setup"
	labs/ipip/setup.sh >/dev/null
	labs/ipip/check.sh
}

@test "setup refuses arguments, and a user who is not root" {
	run -2 labs/ipip/setup.sh now
	[[ $output == usage:* ]]
	run -2 labs/ipip/teardown.sh --help
	run -2 labs/ipip/check.sh --help
	run -2 labs/ipip/trace.sh --some
	run -1 as_nobody labs/ipip/setup.sh
	[[ $output == *"only root"* ]]
}

@test "scripts that all labs share speak for the lab that they are called in, from any directory" {
	run -2 bash -c "cd labs/nat; bash trace.sh --some"
	[[ $output == "usage: [LAB=NAME] labs/nat/trace.sh "* ]]
	run -2 bash -c "cd labs; l2dsr/teardown.sh now"
	[ "$output" = "usage: [LAB=NAME] labs/l2dsr/teardown.sh" ]
	run -1 labs/common/teardown.sh
	[[ $output == *"labs/ipip/teardown.sh" ]]
}

@test "check.sh and trace.sh say so when no playground is up" {
	run -1 labs/ipip/check.sh
	[[ $output == *"labs/ipip/setup.sh"* ]]
	run -1 labs/ipip/trace.sh
	[[ $output == *"labs/ipip/setup.sh"* ]]
}
