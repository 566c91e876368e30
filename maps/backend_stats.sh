# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# backend_stats.h for the shell.

struct backend_counter packets:u64 bytes:u64 connections:u64

# backend_stats_decode: some elements on stdin, as an array -> [{id, packets, bytes, connections}], summed over the
# CPUs.
backend_stats_decode() {
	jq -c '[.[].formatted | {id: .key} + ([.values[].value] | {
		packets: (map(.packets) | add), bytes: (map(.bytes) | add), connections: (map(.connections) | add)})]'
}
