# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Connections that stay, and talk (tests/lib/connections.py): for tests that change things meanwhile. Loaded after helper.bash.
# chats and expected are set by the test: to () and 0 at first.

# open_chats PORT [N] [SOURCE]: 50 more connections to port 7000 of the VIP (of $vip, or 192.168.178.15), from this port of
# the client upwards.
open_chats() {
	local fd n=${2-50}
	mkfifo "$BATS_TEST_TMPDIR/say$1"
	on client tests/lib/connections.py ask "${vip-192.168.178.15}" 7000 "$n" "$1" "${3-10.0.0.20}" \
		<"$BATS_TEST_TMPDIR/say$1" >>"$BATS_TEST_TMPDIR/heard$1" 2>&1 3>&- &
	exec {fd}>"$BATS_TEST_TMPDIR/say$1"
	wait_for 40 grep -q "^open $n\$" "$BATS_TEST_TMPDIR/heard$1" || {
		cat "$BATS_TEST_TMPDIR/heard$1"
		return 1
	}
	chats+=("$1 $! $fd")
	expected=$((expected + n))
}

# all_answer [BROKEN]: every connection sends a line and must get its answer, except for so many.
all_answer() {
	local chat port fd got=0
	for chat in "${chats[@]}"; do
		read -r port _ fd <<<"$chat"
		: >"$BATS_TEST_TMPDIR/heard$port"
		echo go >&"$fd"
	done
	for chat in "${chats[@]}"; do
		read -r port _ fd <<<"$chat"
		wait_for 70 grep -q "^[0-9]*$" "$BATS_TEST_TMPDIR/heard$port"
		got=$((got + $(grep "^[0-9]*$" "$BATS_TEST_TMPDIR/heard$port")))
	done
	[ $((got + ${1-0})) -eq "$expected" ] || {
		tail "$BATS_TEST_TMPDIR"/heard*
		echo "answered: $got of $expected"
		return 1
	}
}

# hang_up: ends the conversations; their processes end with the client.
hang_up() {
	local chat fd
	for chat in "${chats[@]}"; do
		read -r _ _ fd <<<"$chat"
		exec {fd}>&-
	done
}
