#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The IPIP lab with the tutorial's way to unwrap, the kernel's own ipip0, and the way from there to xdp_decap. Where the
# kernel has no ipip0, tests/vm/run brings one that has.

load ../lib/helper

setup_file() {
	if has_ipip; then
		DECAP=kernel set_up_lab ipip
	fi
}

teardown_file() {
	scripts/node destroy --all
}

# has_ipip: whether this kernel has the device; what setup.sh says where it has not, tests/labs/ipip_forms.bats tests.
has_ipip() {
	modprobe -q ipip || true
	unshare --net ip link add name ipip0 type ipip external 2>/dev/null
}

# the_way: the commands that section 6 of the lesson shows.
the_way() {
	awk '/^## / { here = /^## 6\./ } /^```/ { inside = here && /sh$/; next } inside' labs/ipip/README.md
}

@test "DECAP=kernel: ipip0 unwraps, and the lab's check says that all is well" {
	has_ipip || skip "this kernel has no ipip"
	on backend-01 ip -d link show dev ipip0 | grep -q 'ipip external'
	run ! on backend-01 test -e "$MAPS/decap_stats"
	labs/ipip/check.sh
}

@test "from ipip0 to xdp_decap, as the lesson says, while requests come: all are answered, and the check says the same" {
	has_ipip || skip "this kernel has no ipip"
	local curl answers="$BATS_TEST_TMPDIR/answers" errors="$BATS_TEST_TMPDIR/errors" pid="$BATS_TEST_TMPDIR/pid" before
	# shellcheck disable=SC2154 # vip comes from the helper
	# shellcheck disable=SC2016 # the shell on the client says who it is: ours knows no more than nsenter
	on client bash -c 'echo $$ >"$1"; exec curl -sS --stderr "$3" --max-time 60 "http://$2:8000/?[1-100000]"' - \
		"$pid" "$vip" "$errors" >"$answers" 3>&- &
	curl=$!
	wait_for 20 grep -q Hello "$answers"
	the_way >"$BATS_TEST_TMPDIR/way"
	[ "$(grep -c 'lb decap add' "$BATS_TEST_TMPDIR/way")" -eq 3 ]
	bash -e "$BATS_TEST_TMPDIR/way"
	before=$(grep -c Hello "$answers")
	# shellcheck disable=SC2317 # called by wait_for
	twenty_more() { [ "$(grep -c Hello "$answers")" -gt $((before + 20)) ]; }
	wait_for 20 twenty_more
	on client kill "$(<"$pid")"
	wait $curl || true
	cat "$errors"
	[ ! -s "$errors" ]
	run ! on backend-01 test -e /sys/class/net/ipip0
	labs/ipip/check.sh
}
