#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The Maglev lab: its own scripts, real downloads.

load ../lib/helper

setup_file() {
	set_up_lab maglev
}

teardown_file() {
	labs/maglev/teardown.sh
}

@test "setup restores the services from a file, and shows five backends with a fifth of the slots each" {
	[ "$(grep -c "^192.168.178.2[1-5]:8000 327[67] of 16381 slots, 0 of them" "$BATS_FILE_TMPDIR/setup.out")" -eq 5 ]
	grep -q "^client# curl" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "Hello from backend-0[1-5]" "$BATS_FILE_TMPDIR/setup.out"
}

@test "check.sh finds nothing wrong, and notices a backend that lost its share of the slots" {
	labs/maglev/check.sh
	lb backend set tcp 192.168.178.15:8000 192.168.178.23 weight 0
	run -1 labs/maglev/check.sh
	[[ $output == *"not ok: backend-03 has its share of the slots (0 %): less; "* ]]
	lb backend set tcp 192.168.178.15:8000 192.168.178.23 weight 1
}

@test "trace.sh shows the way of a request to its backend" {
	run -0 labs/maglev/trace.sh
	grep -qE "\*lb +\*backend-0[1-5] " <<<"$output"
}

@test "in the experiment hash % n breaks many downloads, Maglev hardly any, tracking only those of the backend that left, draining none" {
	run -0 labs/maglev/experiment.sh
	echo "$output"
	# NAME: moved|own broken|own|others broken|others
	row() {
		sed -nE "s/^$1 +([0-9]+) +([0-9]+) of ([0-9]+) +([0-9]+) of ([0-9]+)$/\1 \2 \3 \4 \5/p" <<<"$output"
	}
	local moved own_broken own broken others
	read -r moved own_broken own broken others < <(row "hash % n: backend-05 is deleted")
	[ $((own + others)) -eq 50 ]
	[ "$moved" -gt 9000 ] # three quarters of the slots of the four that stay
	[ "$broken" -ge 10 ]
	read -r moved own_broken own broken others < <(row "Maglev: backend-05 is deleted")
	[ $((own + others)) -eq 50 ]
	[ "$moved" -lt 400 ]
	[ "$broken" -le 5 ]
	read -r moved own_broken own broken others < <(row "Maglev, tracked: backend-05 is deleted")
	[ $((own + others)) -eq 50 ]
	# its own break, but for one or two that the client's kernel has in full already
	[ "$own_broken" -ge $((own - 2)) ]
	[ "$broken" -eq 0 ]
	read -r moved own_broken own broken others < <(row "Maglev, tracked: backend-05 drains")
	[ $((own + others)) -eq 50 ]
	[ $((own_broken + broken)) -eq 0 ]
}

@test "the chart appears on the terminal and as SVG" {
	local before
	before=$(lb save)
	run -0 labs/maglev/chart.sh "$BATS_TEST_TMPDIR/chart.svg"
	echo "$output"
	[[ $output == *"hash % n"*"backend-01  #"*"Maglev"*"backend-04  ####"* ]]
	python3 -c 'import sys, xml.dom.minidom as x
paths = x.parse(sys.argv[1]).getElementsByTagName("path")
assert len(paths) > 24, len(paths)' "$BATS_TEST_TMPDIR/chart.svg"
	[ "$(lb save)" = "$before" ]
	labs/maglev/check.sh # and it works as before; what it says is shown if it fails
}

@test "every command of the lesson works" {
	# A task's commands, as the README has them: lines that begin with "# ", but for those of the tests above.
	sed -n 's/^# \(scripts\/node exec .*\)$/\1/p' labs/maglev/README.md >"$BATS_TEST_TMPDIR/commands"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -ge 8 ]
	bash -e -x "$BATS_TEST_TMPDIR/commands"
}
