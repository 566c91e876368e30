#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# How the repository looks: what a machine can say about it.

load lib/helper

# files: those of the repository; also where it was unpacked and not cloned, or where the clone belongs to another
# user, of which git thinks nothing good.
files() {
	local git=(git -c safe.directory='*')
	if [[ -e .git ]]; then
		"${git[@]}" ls-files
	else
		git init --quiet --bare "$BATS_TEST_TMPDIR/git"
		"${git[@]}" --git-dir="$BATS_TEST_TMPDIR/git" --work-tree=. ls-files --others --exclude-standard
	fi
}

@test "make lint" {
	make lint
}

@test "top level is as the README says" {
	local got
	got=$(files | cut -d/ -f1 | grep -v '^\.' | LC_ALL=C sort -u | tr '\n' ' ')
	[ "$got" = "LICENSE Makefile README.md bpf headers labs maps scripts tests " ]
}

@test "every program is at most 150 lines, and file, function and object bear one name" {
	local program name
	for program in bpf/*.c; do
		name=$(basename "$program" .c)
		[ "$(wc -l <"$program")" -le 150 ]
		[ "${#name}" -le 15 ]
		grep -qE "^int $name\(struct (xdp_md \*ctx|bpf_iter__bpf_map_elem \*element)\)$" "$program"
	done
}

@test "every source file says its licence near the top" {
	local file
	for file in $(files | grep -vE '^(LICENSE|\.gitignore|\.clang-format|.*\.md|.*\.svg|.*\.png|.*\.json)$'); do
		head -3 "$file" | grep -q "SPDX-License-Identifier: GPL-2.0-only" || {
			echo "$file"
			false
		}
	done
}

@test "no two files of tests have one name: a lab is called after it" {
	[ -z "$(find tests -name '*.bats' -printf '%f\n' | sort | uniq -d)" ]
}

@test "no two stages of jq define the same, nor what jq has itself: they go to it as one text" {
	local names
	names=$(sed -nE 's/^def ([a-z_0-9]+)(\(([^)]*)\))?:.*/\1 \3/p' scripts/lib/*.jq maps/types/*.jq | awk '{ print $1 "/" gsub(/;/, "") + ($2 != "") }' | sort)
	[[ $names == *family/0* && $names == *in_order/0* && $names == *plan/5* ]]
	run -0 uniq -d <<<"$names"
	[ -z "$output" ]
	[ -z "$(comm -12 <(uniq <<<"$names") <(jq -nr 'builtins[]' | sort))" ]
}

@test "make help names every target" {
	local target
	for target in all test bench lint clean; do
		make help | grep -q "make $target"
	done
}

# shown FILE: what a guide shows of commands that need no root: its blocks with lines that begin with a $.
shown() {
	awk '/^```/ { if (command) printf "%s", block; inside = !inside; block = ""; command = 0; next }
		inside { block = block $0 "\n"; if (/^\$ /) command = 1 }' "$1"
}

# typed: a script that prints each of these commands and runs it, one after the other in one shell.
typed() {
	local line
	sed -n 's/^\$ //p' | while IFS= read -r line; do
		printf "printf '%%s\\n' %q\n%s\n" "\$ $line" "$line"
	done
}

@test "what the guides show of commands that need no root is what they print" {
	local guide
	for guide in */README.md; do
		diff <(shown "$guide") <(shown "$guide" | typed | bash)
	done
	[ "$(shown maps/README.md | grep -c '^\$')" -ge 5 ]
	[ "$(shown scripts/README.md | grep -c '^\$')" -ge 10 ]
}
