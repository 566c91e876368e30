#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Lessons tell the truth: every command of theirs runs here, in order, and what it prints is what they show.

load ../lib/helper

teardown_file() {
	scripts/node destroy --all
}

# truth LAB COMMANDS: the lesson of this lab has at least so many commands, and all of them do what it says.
truth() {
	run tests/lib/lesson.py "labs/$1/README.md"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[-1]} =~ ^([0-9]+)\ commands,\ 0\ lines\ are\ wrong$ ]]
	[ "${BASH_REMATCH[1]}" -ge "$2" ]
}

@test "NAT: every command does what the lesson says" {
	truth nat 22
}

@test "L2 DSR: every command does what the lesson says" {
	truth l2dsr 25
}

@test "IPIP: every command does what the lesson says" {
	truth ipip 38
}

# lesson: makes $guide out of stdin, beside a lab.env with two backends.
lesson() {
	guide=$BATS_TEST_TMPDIR/lab/README.md
	mkdir -p "${guide%/*}"
	echo 'BACKENDS=(10.1.1.1 10.1.1.2) BACKENDS6=(2001:db8::11 2001:db8::12)' >"${guide%/*}/lab.env"
	cat >"$guide"
}

@test "what may differ is not compared, and everything else is" {
	local guide
	lesson <<-'END'
		## 1. One

		```
		# echo "Hello from backend-02 (10.1.1.2), port 4711, after 13 ms; 02:00:00:00:00:01"; echo more; echo and more
		Hello from backend-01 (10.1.1.1), port 80,   after 999 ms; aa:bb:cc:dd:ee:ff
		...
		# echo "12:00:01 IP 192.168.178.15.8000"; echo "from here to there"; echo "last 0"
		... IP 192.168.178.15.8000
		from ... there
		last 0
		# echo '"10.0.0.20:39462" "10.1.1.2:8000" [2001:db8::12]:8000'
		"10.0.0.20:48390" "10.1.1.1:8000" [2001:db8::11]:8000
		```

		## 2. Two

		<!-- lesson: may fail -->
		```
		# false
		```
	END
	run -0 tests/lib/lesson.py "$guide"
	[ "${lines[-1]}" = "4 commands, 0 lines are wrong" ]
	# only one section
	run -0 tests/lib/lesson.py "$guide" 2.
	[ "${lines[-1]}" = "1 commands, 0 lines are wrong" ]
	# no such section: nothing was compared
	run -1 tests/lib/lesson.py "$guide" 3.
}

@test "a lesson that lies is caught, and the line is named" {
	local guide command shown
	while IFS='|' read -r command shown; do
		lesson < <(printf '## 1\n\n```\n# %s\n%b```\n' "$command" "${shown:+$shown\\n}")
		run -1 tests/lib/lesson.py "$guide"
		echo "$command: $output"
		[[ $output == *"README.md:"[3456]": "* && ${lines[-1]} == "1 commands, 1 lines are wrong" ]]
	done <<-'END'
		echo 192.168.178.15|192.168.178.16
		echo 192.168.178.15|10.1.1.1
		echo lost 0|lost 7
		echo lost 7|lost 0
		echo one; echo two|one
		echo one|one\ntwo
		echo one; echo two|two
		echo one; echo two|two\n...
		echo backend-01|gateway
		echo one two|one ... three
		echo 2001:db8::12:5|2001:db8::11:5
		echo 10.1.1.10|10.1.1.1
		false|
	END
	lesson < <(printf '## 1\n\n<!-- lesson: exact -->\n```\n# echo 10 of backend-01\n10 of backend-02\n```\n')
	run -1 tests/lib/lesson.py "$guide"
	lesson < <(printf '## 1\n\n<!-- lesson: while true -->\n```\n# tail -f /dev/null\nnever\n```\n')
	LESSON_SECONDS=1 run -1 tests/lib/lesson.py "$guide"
	[[ $output == *"README.md:6: has not come while this ran: tail -f /dev/null"* ]]
	# the one that did not end by itself has ended
	run -1 pgrep -f "tail -f /dev/null"
}

@test "a command that does not end by itself is watched while another one runs" {
	local guide
	lesson <<-END
		## 1

		<!-- lesson: while echo "it is \$RANDOM" >>$BATS_TEST_TMPDIR/log -->
		\`\`\`
		# touch $BATS_TEST_TMPDIR/log; tail -f $BATS_TEST_TMPDIR/log
		it is 17
		\`\`\`
	END
	run -0 tests/lib/lesson.py "$guide"
	[[ $output == "as the lesson says: touch "*" (while: echo "* ]]
}

@test "words of a command can be replaced; without a lab everything is compared; C that is quoted must be in its program" {
	lesson <<-'END'
		## 1. One

		```
		# echo "written to work/one, 7 lines"
		written to work/one, 7 lines
		```

		```c
		return XDP_PASS;
		```
	END
	run -0 tests/lib/lesson.py "$guide" "s|work|$BATS_TEST_TMPDIR|"
	[ "${lines[0]}" = 'as the lesson says: echo "written to work/one, 7 lines"' ]
	sed -i 's/^written.*/written to work\/one, 8 lines/' "$guide"
	run -0 tests/lib/lesson.py "$guide"
	rm "${guide%/*}/lab.env"
	run -1 tests/lib/lesson.py "$guide"
	[[ $output == *"README.md:5: is not what came of: echo "* ]]
	printf '\treturn 0;\n\treturn XDP_PASS;\n' >"$BATS_TEST_TMPDIR/step1.c"
	run -0 tests/lib/lesson.py --quotes "$guide" "$BATS_TEST_TMPDIR/step%s.c"
	echo "return XDP_DROP;" >"$BATS_TEST_TMPDIR/step1.c"
	run -1 tests/lib/lesson.py --quotes "$guide" "$BATS_TEST_TMPDIR/step%s.c"
	[[ $output == "not in the program of step 1:"* ]]
	run -2 tests/lib/lesson.py
}
