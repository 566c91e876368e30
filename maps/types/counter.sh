# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# counter.h for the shell: the value of every map of counters.

struct counter packets:u64 bytes:u64

# counters_decode ENUM: a dump on stdin -> [{name, packets, bytes}], summed over the CPUs. The names are the words of
# the enum.
counters_decode() {
	decode 'per_cpu("counter") | map({name: words($enum)[1 + .key], packets, bytes})' --arg enum "$1"
}
