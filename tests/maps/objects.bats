#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What the objects bring along: a map that a program defines and does not use is pinned all the same, costs
# memory, and makes a machine look like what it is not (a backend like a load balancer).

load ../lib/helper

# defined OBJECT: the maps that it defines.
defined() {
	bpftool -j btf dump file "$1" | jq -r '
		(.types | map({key: (.id | tostring), value: .name}) | from_entries) as $names
		| .types[] | select(.kind == "DATASEC" and .name == ".maps") | .vars[] | $names[.type_id | tostring]' | sort
}

# used OBJECT: the maps that its code refers to, by the relocations of the code's sections.
used() {
	readelf -rW "$1" | awk '/^Relocation section/ { code = $3 !~ /BTF|debug/ } code && $1 ~ /^[0-9a-f]+$/ { print $5 }' |
		sort -u | grep -Fxf <(defined "$1")
}

@test "every map that an object defines, its code uses" {
	local object
	for object in bpf/*.o; do
		diff <(defined "$object") <(used "$object") || {
			echo "of $object"
			false
		}
	done
}

@test "a backend's decapsulator has no map of a load balancer" {
	[ "$(defined bpf/xdp_decap.o)" = $'answers\ndecap_addresses\ndecap_settings\ndecap_stats\nhosts\nlinks\nsyn_budgets\ntrusted' ]
}

@test "what reads and writes packets includes no map" {
	local header
	for header in headers/packet/*.h headers/tunnel/*.h; do
		run ! grep -n '#include ".*maps/[^"/]*"' "$header"
		# nor does what it includes; and it includes all that it needs
		clang -target bpf -idirafter "/usr/include/$(uname -m)-linux-gnu" -H -fsyntax-only -Wno-everything -x c "$header" 2>"$BATS_TEST_TMPDIR/included"
		run ! grep 'maps/[^/]*$' "$BATS_TEST_TMPDIR/included"
	done
}

@test "every header includes all that it needs" {
	local header
	for header in headers/*/*.h maps/*.h maps/types/*.h; do
		clang -target bpf -idirafter "/usr/include/$(uname -m)-linux-gnu" -fsyntax-only -Wno-everything -x c "$header"
	done
}

@test "headers are at most 200 lines, and their functions at most 40 and five parameters" {
	local file
	for file in bpf/*.c headers/*/*.h maps/*.h maps/types/*.h; do
		[ "$(wc -l <"$file")" -le 200 ]
		awk -v file="$file" '
			/^static |^int |^__noinline |^__attribute__/ { start = NR; head = "" }
			start && !body { head = head $0 }
			/^{/ { body = 1; if (gsub(",", ",", head) > 4) { print file ":" start ": more than five parameters"; bad = 1 } }
			/^}/ { if (body && NR - start + 1 > 44) { print file ":" start ": " NR - start + 1 " lines"; bad = 1 } start = body = 0 }
			END { exit bad }' "$file"
	done
}

# in_table COLUMN: the headers that have an x in this column of the table in headers/README.md.
in_table() {
	awk -F'|' -v column="$1" '$2 ~ /^ `[a-z]*\/[a-z0-9_]*[.]h` $/ && $column ~ /[^ ]/ { gsub(/[` ]/, "", $2); print $2 }' headers/README.md | sort
}

# included PROGRAM: the headers that it is made of.
included() {
	clang -target bpf -idirafter "/usr/include/$(uname -m)-linux-gnu" -MM "bpf/$1.c" | grep -o '[^ ]*[.]h' |
		xargs realpath --relative-to=headers | grep -v '^[.][.]/' | sort -u
}

@test "the table in headers/README.md says which program is made of which headers" {
	local program column=3
	diff <(in_table 3) <(cd headers && printf '%s\n' */*.h | sort)
	for program in xdp_nat xdp_l2dsr xdp_ipip xdp_gre xdp_fou xdp_gue xdp_decap xdp_relay xdp_maglev xdp_settle xdp_why xdp_why_nat; do
		column=$((column + 1))
		diff <(in_table $column) <(included $program)
	done
	# the lists together
	diff <(in_table $((column + 1))) <(for program in bpf/list_*.c; do included "$(basename "$program" .c)"; done | sort -u)
}
