# SPDX-License-Identifier: GPL-2.0-only
# encode: a command of plan.jq -> a struct command and its changes (maps/types/command.h), as what printf makes them of.
include "bytes";

def family: 4;

def encode_command($hex):
	.service as $service
	| ({
		operation, key: ($service | {address, port, protocol, family: family}),
		service: ($service | {id, first, slots, learns_until: 0,
			flags: [(select(.sticky) | "sticky"), (select(.filling == "hash") | "hash")]}),
		is_vip: (if .is_vip then 1 else 0 end), changes: (.changes | length)
	} | encode("command"; $hex))
	+ ([.changes[] | {id, backend: (. + {family: family})} | encode("backend_change"; $hex)] | join(""));
