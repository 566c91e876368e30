#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# labs/code: every step, fault and exercise is built and run, and the lesson says what is printed.

load ../lib/helper

setup_file() {
	# A folder of its own: a reader's work stays as it is.
	export CODE_WORK=$BATS_FILE_TMPDIR/work
}

teardown_file() {
	labs/nat/teardown.sh
}

program=step/bpf/step_nat.c

# is_formatted FILE: as `make lint` wants it.
is_formatted() {
	clang-format --style="file:$PWD/.clang-format" --dry-run --Werror "$1"
}

# exercises: their names.
exercises() {
	labs/code/exercise.sh list | cut -d' ' -f1
}

@test "every step's diff applies, and its result is formatted, builds without warnings, and has at most 150 lines" {
	local i before=0 lines
	[ "$(labs/code/step.sh list | wc -l)" -eq 8 ]
	for i in 1 2 3 4 5 6 7 8; do
		labs/code/step.sh $i write
		is_formatted "$CODE_WORK/$program"
		lines=$(wc -l <"$CODE_WORK/$program")
		[ "$lines" -gt "$before" ] && [ "$lines" -le 150 ]
		before=$lines
		cp "$CODE_WORK/$program" "$BATS_FILE_TMPDIR/step$i.c"
	done
}

@test "every command of the lesson prints what the lesson says" {
	local lesson=$BATS_TEST_TMPDIR/work
	run -0 env CODE_WORK="$lesson" tests/lib/lesson.py labs/code/README.md "s|labs/code/work|$lesson|"
	echo "$output"
	[ "$(grep -c '^as the lesson says: ' <<<"$output")" -ge 25 ]
}

@test "the C that the lesson quotes stands in the program of that step" {
	run -0 tests/lib/lesson.py --quotes labs/code/README.md "$BATS_FILE_TMPDIR/step%s.c"
	echo "$output"
	[ "$(grep -c '^quoted right: ' <<<"$output")" -ge 8 ]
}

@test "real requests fail at each step as the lesson says, and are answered from step 7 on" {
	local step says
	on client true 2>/dev/null || set_up_lab nat # the lesson has done it
	while read -r step says; do
		labs/code/step.sh "$step" write
		run labs/code/http.sh
		echo "$output"
		[[ ${lines[-1]} == *"$says"* ]]
	done <<-END
		2 Connection timed out
		3 Connection timed out
		5 Connection timed out
		6 Connection timed out
		7 Hello from backend-01
	END
	[ "$(grep -c "Hello from backend-01" <<<"$output")" -eq 8 ]
	# At step 6 the backend has got packets, but no client an answer: see steps/06-way.packets.
}

@test "each fault of the simple program is shown, and xdp_nat is right where it is wrong" {
	local name header
	run -0 labs/code/fault.sh all
	echo "$output"
	[ "$(grep -c '^wrong: ' <<<"$output")" -eq 15 ]
	[ "$(grep -c '^right: ' <<<"$output")" -eq 15 ]
	[[ $output != *"not ok"* ]]
	# the lesson's table has the same ones, each with its header
	diff <(labs/code/fault.sh list | sed -E 's/^([a-z-]+): .*\((.*)\)$/\1 \2/') \
		<(sed -nE 's/^\| `([a-z-]+)` \|.*\| `(headers.*)` \|$/\1 \2/p' labs/code/README.md)
	while read -r name header; do
		[ -e "$header" ]
	done < <(sed -nE 's/^\| `([a-z-]+)` \|.*\| `(headers.*)` \|$/\1 \2/p' labs/code/README.md)
}

@test "a fault that somebody has mended is not there any more" {
	labs/code/step.sh 8 write
	# shellcheck disable=SC2016 # sed's
	sed -i 's|^	/\* Is it an answer|	if (ip->ttl <= 1)\n		return XDP_PASS;\n&|' "$CODE_WORK/$program"
	run -0 labs/code/fault.sh again ttl lengths
	echo "$output"
	[ "$(grep -c '^wrong: it reads and writes what is not of the packet' <<<"$output")" -eq 1 ]
	[ "$(grep -c '^otherwise now. Before: it goes on, and would for ever' <<<"$output")" -eq 1 ]
	grep -q '^   now      PASS, unchanged$' <<<"$output"
	# xdp_nat's answer is beside it, of this fault only
	[ "$(grep -A 1 '^bpf/xdp_nat.c does:$' <<<"$output" | tail -n 1)" = "right: the client is told: time exceeded" ]
	[ "$(grep -c '^right: ' <<<"$output")" -eq 1 ]
	[[ ${lines[-1]} == "Is yours right, too?"* ]]
	run -0 labs/code/step.sh 8 again
	# where nothing is otherwise, there is nothing to compare
	run -0 labs/code/fault.sh again lengths
	[[ $output != *xdp_nat.c* ]]
	# and what was written is not lost, whatever comes next
	run -0 labs/code/fault.sh ttl
	grep -q 'ip->ttl <= 1' "$CODE_WORK/$program"
	run -0 labs/code/step.sh 1 write
	[[ $output == "What you have written is kept in $CODE_WORK/step."*"/bpf/step_nat.c." ]]
	grep -q 'ip->ttl <= 1' "$CODE_WORK"/step.*/bpf/step_nat.c
	run -0 labs/code/step.sh 2 write
	[ -z "$output" ]
}

# count_down [LINE]: step 8, with a TTL that is counted down, and a line of C for the checksum.
count_down() {
	labs/code/step.sh 8 write
	sed -i "s|^	/\* Is it an answer|	ip->ttl--;\n$1\n&|" "$CODE_WORK/$program"
}

@test "a TTL that is counted down is right, and a wrong checksum is not, in each test that the packet is in" {
	count_down "	ip->check += bpf_htons(0x100) + (ip->check >= 0xffff - bpf_htons(0x100));"
	run -0 labs/code/step.sh 8 again
	echo "$output"
	grep -q '^   came     TX, lb > backend-01: .* SYN, TTL 63$' <<<"$output"
	count_down
	run -1 labs/code/step.sh 8 again
	echo "$output"
	[ "$(grep -c '^not ok: ' <<<"$output")" -eq 3 ]
	[ "$(grep -c '^ok: ' <<<"$output")" -eq 0 ]
	grep -q '^ *+ *chksum ' <<<"$output" # and not the TTL
	grep -qF "but wrong_sums(got) is {'IP': 646}" <<<"$output"
	run -1 labs/code/step.sh 7 again
	[ "$(grep -c '^not ok: ' <<<"$output")" -ge 2 ]
	# one that is too large by more than one is not right either
	count_down "	ip->ttl--;\n	ip->check += bpf_htons(0x200) + (ip->check >= 0xffff - bpf_htons(0x200));"
	run -1 labs/code/step.sh 8 again
	grep -q '^not ok: a connection goes to a backend' <<<"$output"
}

@test "whoever has read enough of what is printed gets no traceback" {
	labs/code/step.sh 8 write
	# six lines stand above what packets.py prints
	run --separate-stderr bash -c 'labs/code/step.sh 8 again | head -n 6'
	echo "$output$stderr"
	[ "${#lines[@]}" -ge 4 ]
	[ -z "$stderr" ]
}

@test "every exercise's test fails before, and passes with the solution; bpf and headers stay as they are" {
	local name before file
	before=$(cat bpf/* headers/*/* maps/* maps/types/* 2>/dev/null | sha256sum)
	[ "$(exercises | wc -l)" -eq 7 ]
	for name in $(exercises); do
		file=$(sed -n 's/^file=//p' "labs/code/exercises/$name/exercise.env")
		run -0 labs/code/exercise.sh start "$name"
		grep -q "What you need to know:" <<<"$output"
		is_formatted "$CODE_WORK/$name/$file"
		run -1 labs/code/exercise.sh test "$name"
		echo "$output"
		grep -q '^not ok: ' <<<"$output"
		grep -q '^   sent     ' <<<"$output"
		grep -q '^   came     ' <<<"$output"
		grep -q '^   expected ' <<<"$output"
		[[ ${lines[-1]} == "Not yet. The task: labs/code/exercises/$name/README.md."* ]]
		run -0 labs/code/exercise.sh solution "$name" apply
		is_formatted "$CODE_WORK/$name/$file"
		run -0 labs/code/exercise.sh test "$name"
		echo "$output"
		[[ $output != *"not ok"* ]]
		[[ ${lines[-1]} == Done:* ]]
	done
	[ "$(cat bpf/* headers/*/* maps/* maps/types/* 2>/dev/null | sha256sum)" = "$before" ]
}

@test "an exercise's function is in the file that it names, and its README says so" {
	local name
	for name in $(exercises); do
		# shellcheck source=labs/code/exercises/count-syns/exercise.env
		. "labs/code/exercises/$name/exercise.env"
		# shellcheck disable=SC2154 # from there
		grep -q "\<$function(" "$CODE_WORK/$name/$file"
		# shellcheck disable=SC2016,SC2154 # backquotes; from there
		grep -qF "*Program: \`$program\`. You change \`$function()\`" "labs/code/exercises/$name/README.md"
	done
}

@test "what does not compile, and what the verifier refuses, is said so" {
	labs/code/exercise.sh start count-syns again | grep -q "What was there is in"
	local mine=$CODE_WORK/count-syns/bpf/xdp_ipip.c
	sed -i 's|/\* your part \*/|nonsense;|' "$mine"
	run -1 labs/code/exercise.sh test count-syns
	grep -q "undeclared identifier 'nonsense'" <<<"$output"
	[[ ${lines[-1]} == *"xdp_ipip.c does not compile; the lines above say why" ]]
	sed -i 's|nonsense;|packet->ctx->data \&\& (*(volatile __u32 *)0);|' "$mine"
	sed -i 's|packet->ctx->data .*|__u32 key = 0;\n	__u64 *count = bpf_map_lookup_elem(\&syns, \&key);\n\n	*count = 1;|' "$mine"
	run -1 labs/code/exercise.sh test count-syns
	echo "$output"
	grep -q "not ok: lb attach ipip eth0" <<<"$output"
	grep -q "map_value_or_null" <<<"$output"
	[ "${#lines[@]}" -lt 30 ]
	# whoever has written something else does not lose it
	run -1 labs/code/exercise.sh solution count-syns apply
	[[ $output == *"does not fit to what you have written"* ]]
	grep -q '\*count = 1' "$mine"
	run -1 labs/code/exercise.sh start count-syns
	[[ $output == *"is there already"* ]]
	grep -q '\*count = 1' "$mine"
}

@test "what cannot be is refused, with what to do" {
	local status says words
	while IFS='|' read -r status says words; do
		# shellcheck disable=SC2086 # words
		run "-$status" labs/code/$words
		[[ $output == *"$says"* ]]
	done <<-END
		2|usage: labs/code/step.sh N|step.sh
		2|usage: labs/code/step.sh N|step.sh 3 twice
		1|there are 8: labs/code/step.sh list|step.sh 9
		2|usage: labs/code/fault.sh NAME|fault.sh
		1|there is no fault 'slow'; labs/code/fault.sh list|fault.sh ttl slow
		2|usage: labs/code/exercise.sh list|exercise.sh
		2|usage: labs/code/exercise.sh list|exercise.sh test
		1|there is no exercise '../nat'; labs/code/exercise.sh list|exercise.sh start ../nat
		2|usage: [LAB=NAME] labs/code/http.sh|http.sh now
	END
	run -1 env CODE_WORK="$BATS_TEST_TMPDIR/none" labs/code/exercise.sh test dscp
	[[ $output == *"run labs/code/exercise.sh start dscp"* ]]
	run -1 env CODE_WORK="$BATS_TEST_TMPDIR/none" labs/code/step.sh 3 again
	[[ $output == *"run labs/code/step.sh 3" ]]
	run -1 env CODE_WORK="$BATS_TEST_TMPDIR/none" labs/code/http.sh
	[[ $output == *"run labs/code/step.sh 8" ]]
	run -1 env LAB=nobodys labs/code/http.sh
	[[ $output == *"no playground "*"; run LAB=nobodys labs/nat/setup.sh"* ]]
}

@test "the machine for single packets is gone" {
	run -0 env LAB="$LAB-code" scripts/node list
	[ -z "$output" ]
}
