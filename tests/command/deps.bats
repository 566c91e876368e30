#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# scripts/deps: that no server starts while it installs, and that what it does for this does not stay.

load ../lib/helper

setup() {
	sbin=$BATS_TEST_TMPDIR/sbin
	policy=$sbin/policy-rc.d
	mkdir "$sbin" "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/empty"
	# an apt-get that remembers the policy-rc.d, waits if it is asked to, and "installs" libbpf-dev
	cat >"$BATS_TEST_TMPDIR/bin/apt-get" <<-END
		#!/bin/bash
		[[ \$1 == install ]] || exit 0
		cp "$policy" "$BATS_TEST_TMPDIR/seen"
		while [[ -e "$BATS_TEST_TMPDIR/wait" ]]; do sleep 0.05; done
		umount /usr/include/bpf
	END
	chmod +x "$BATS_TEST_TMPDIR/bin/apt-get"
}

# deps: on a machine without libbpf-dev, whose /usr/sbin is a folder of this test, and whose apt-get is that one.
deps() {
	# shellcheck disable=SC2016 # expanded over there
	exec unshare --mount bash -ec '
		mount --bind /usr /mnt # all of it: there are links from sbin to elsewhere
		mount --bind "$1/sbin" /usr/sbin
		mount --bind "$1/empty" /usr/include/bpf
		PATH=$1/bin:/mnt/sbin:$PATH exec scripts/deps lab' - "$BATS_TEST_TMPDIR"
}

@test "servers must not start while packages are installed, and may afterwards" {
	run -0 deps
	[ "$output" = "# installing libbpf-dev" ]
	run -101 "$BATS_TEST_TMPDIR/seen"
	[ ! -e "$policy" ]
}

@test "a policy-rc.d of somebody else stays as it is" {
	printf '#!/bin/sh\nexit 104\n' >"$policy"
	cp "$policy" "$BATS_TEST_TMPDIR/before"
	run -0 deps
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/seen"
	diff "$BATS_TEST_TMPDIR/before" "$policy"
}

@test "if it is killed, nothing stays: when apt-get has ended, too" {
	touch "$BATS_TEST_TMPDIR/wait"
	deps >/dev/null 2>&1 3>&- &
	local killed=$!
	wait_for 10 test -e "$BATS_TEST_TMPDIR/seen"
	kill -KILL $killed
	wait $killed || true
	sleep 0.3
	[ -e "$policy" ]
	rm "$BATS_TEST_TMPDIR/wait"
	wait_for 10 test ! -e "$policy"
	# one that was left behind all the same, by a crash of the machine, does not stay either
	cp "$BATS_TEST_TMPDIR/seen" "$policy"
	run -0 deps
	[ ! -e "$policy" ]
}

@test "usage" {
	run -2 scripts/deps
	[[ $output == "usage: scripts/deps "* ]]
	run -2 scripts/deps everything
}
