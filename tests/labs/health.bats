#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031 # output is run's; MODE is for a test
# bats file_tags=alone
# The health lab: its own scripts, and backends that die while clients are there. (A check may take 0.4 s: not on a machine
# that is busy with other tests.)

load ../lib/helper
load ../lib/faults

setup_file() {
	unset MODE
	set_up_lab health
}

teardown_file() {
	labs/health/teardown.sh
}

@test "setup starts lb watch, which finds that all backends are healthy" {
	[ "$(grep -c "^  backend 172.16.0.1[0-2] weight 1 up  # healthy" "$BATS_FILE_TMPDIR/setup.out")" -eq 3 ]
	grep -q "^lb# scripts/lb watch" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "^client# curl" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "Hello from backend-0[1-3]" "$BATS_FILE_TMPDIR/setup.out"
	run -1 env MODE=what labs/health/setup.sh
	[[ $output == *"MODE=what is not known"* ]]
}

@test "check.sh finds nothing wrong, and notices a backend that is ill, and that nobody watches" {
	labs/health/check.sh
	on backend-02 tee /run/xdp-lb/mood <<<500
	wait_for 60 eval 'lb service show | grep "172.16.0.11 .* # failed"'
	run -1 labs/health/check.sh
	[[ $output == *"not ok: it has found that all 3 backends are healthy: healthy failed healthy; "* ]]
	on backend-02 rm /run/xdp-lb/mood
	on lb bash -c 'kill $(cat /run/xdp-lb/watch/pid)'
	wait_for 60 on lb bash -c '! kill -0 $(cat /run/xdp-lb/watch/pid)'
	run -1 labs/health/check.sh
	[[ $output == *"not ok: lb watch runs: it does not; "* ]]
	set_up_lab health
}

@test "every fault of labs/faults is noticed, hinted at, explained and repaired" {
	plays_all health
}

@test "trace.sh shows the way of a check, to its backend and back" {
	run -0 labs/health/trace.sh
	echo "$output"
	[[ $output == *"the request: SYN"*" 1   lb-watch "*" 2  *lb "*" 3  *gateway    *backend-0"*"the answer: SYN ACK"*" 3  *lb-watch "* ]]
	[ "$(wc -l <<<"$output")" -eq 9 ]
}

# notices_deaths N: so many deaths are noticed, and come back; and only connections of whoever died are lost.
notices_deaths() {
	local others='([0-9]+\.[0-9]+) +[0-9]+ of [0-9]+ +[0-9]+ of [0-9]+ +([0-9]+) of [0-9]+ +[0-9]+\.[0-9]+$'
	run -0 labs/health/experiment.sh
	echo "$output"
	[ "$(grep -cE "^[a-zVIP0-9 ]+ backend-0[1-3] +$others" <<<"$output")" -eq "$1" ]
	[ "$(grep -cE "^[a-zVIP0-9 ]+ backend-0[1-3] .* 0 of [0-9]+ +[0-9]+\.[0-9]+$" <<<"$output")" -eq "$1" ]
	lb --json service show | jq -e '.[0].backends | all(.health == "healthy")'
}

@test "in the experiment with ipip, every death is noticed, and nobody else's connections are lost" {
	notices_deaths 6
	[[ $output == *"own address would find nothing wrong"*"Hello from backend-03 (172.16.0.12)"* ]]
}

@test "every command of the lesson works" {
	# A task's commands, as the README has them: lines that begin with "# ", but for those of the tests above.
	set_up_lab health
	sed -nE 's/^# ((sleep|scripts\/node) .*)$/\1/p' labs/health/README.md >"$BATS_TEST_TMPDIR/commands"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -ge 25 ]
	run -0 bash -e -x "$BATS_TEST_TMPDIR/commands"
	echo "$output"
	[[ $output == *"172.16.0.11 weight 1 up  # failed"*"gets packets: nobody better is left"*" 10 500"*"no answer"*" 10 Hello from backend-03"* ]]
	labs/health/check.sh
}

@test "the experiment with l2dsr, the same" {
	export MODE=l2dsr
	set_up_lab health
	labs/health/check.sh
	notices_deaths 6
	[[ $output == *"own address would find nothing wrong"*"Hello from backend-03 (192.168.178.13)"* ]]
	labs/health/trace.sh | grep "lb-watch"
}

@test "the experiment with nat, the same; only a VIP is nothing that a backend could lose" {
	export MODE=nat
	set_up_lab health
	labs/health/check.sh
	notices_deaths 5
	grep -qE "^its VIP is gone +- " <<<"$output"
	labs/health/trace.sh | grep "lb .* backend-0"
}

@test "an experiment that is interrupted leaves everything healthy, and no clients" {
	timeout -s INT 6 labs/health/experiment.sh || true
	wait_for 60 eval 'lb --json service show | jq -e ".[0].backends | all(.health == \"healthy\")"'
	wait_for 60 eval '[ -z "$(on client pgrep -f labs/health/clients.py)" ]'
}
