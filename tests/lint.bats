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
	for file in $(files | grep -vE '^(LICENSE|\.gitignore|\.clang-format|.*\.md|.*\.svg|.*\.json)$'); do
		head -3 "$file" | grep -q "SPDX-License-Identifier: GPL-2.0-only" || {
			echo "$file"
			false
		}
	done
}

@test "make help names every target" {
	local target
	for target in all test bench lint clean; do
		make help | grep -q "make $target"
	done
}
