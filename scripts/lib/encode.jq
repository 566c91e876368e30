# SPDX-License-Identifier: GPL-2.0-only
# encode: a command of plan.jq -> a struct command and its changes (maps/types/command.h), as what printf makes them of.
#
# In:  command_bytes, change_bytes: what the encoders of struct command and struct backend_change make (bytes.sh)

def family: 4;

def encode_command(command_bytes; change_bytes):
	.service as $service
	| ({
		operation, key: ($service | {address, port, protocol, family: family}),
		service: ($service | {id, first, slots: .taken, learns_until: 0,
			flags: [(select(.sticky) | "sticky"), (select(.filling == "hash") | "hash"), (select(.slots > 0) | "sized")]}),
		table: ($service.table // $service.taken), is_vip: (if .is_vip then 1 else 0 end), changes: (.changes | length)
	} | command_bytes)
	+ ([.changes[] | .family = family | {id, backend: .} | change_bytes] | join(""));
