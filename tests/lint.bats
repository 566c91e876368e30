#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# How the repository looks: what a machine can say about it.

load lib/helper

@test "make lint" {
	make lint
}

@test "top level is as the README says" {
	local got
	got=$(git ls-files | cut -d/ -f1 | grep -v '^\.' | sort -u | tr '\n' ' ')
	[ "$got" = "LICENSE Makefile README.md bpf headers labs maps scripts tests " ]
}

@test "every program is at most 150 lines, and file, function and object bear one name" {
	local program name
	for program in bpf/*.c; do
		name=$(basename "$program" .c)
		[ "$(wc -l <"$program")" -le 150 ]
		[ "${#name}" -le 15 ]
		grep -q "^int $name(struct xdp_md \*ctx)$" "$program"
	done
}

@test "every source file says its licence near the top" {
	local file
	for file in $(git ls-files | grep -vE '^(LICENSE|\.gitignore|\.clang-format|.*\.md|.*\.svg|.*\.json)$'); do
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
