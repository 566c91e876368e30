# SPDX-License-Identifier: GPL-2.0-only
# encode: a command of plan.jq -> a struct command and its changes (maps/types/command.h), as what printf makes them of.
#
# In:  command_bytes, change_bytes, client_bytes, id_bytes, checks_bytes: what the encoders of struct command, struct
#      backend_change, struct client_change, struct server_id_change and struct checks make (bytes.sh)
include "checks";
include "address";

def has_checks: .operation == "build" and .service.checks != [];

def encode_command(command_bytes; change_bytes; client_bytes; id_bytes; checks_bytes):
	.service as $service
	| ({
		operation, key: ($service | {address, port, protocol, family: (.address | family)}),
		service: ($service | {id, first, slots: .taken, need: (.need // 0), id_bytes: (.quic // 0), learns_until: 0,
			flags: [(select(.sticky) | "sticky"), (select(.filling == "hash") | "hash"), (select(.slots > 0) | "sized"),
				(select(.strict) | "strict"), (select(.clients != []) | "listed"), (select(.limit) | "limited")]}),
		limit: (if .operation == "build" then $service.limit else null end // {rate: 0, bits: 0}),
		table: ($service.table // $service.taken), is_vip: (if .is_vip then 1 else 0 end), changes: (.changes | length), clients: (.clients | length), server_ids: (.server_ids | length),
		checks: (if has_checks then 1 else 0 end)
	} | command_bytes)
	+ ([.changes[] | .family = (.address | family) | {id, backend: .} | change_bytes] | join(""))
	+ ([.clients[] | {key: {bits: (32 + .bits), service, family: (.address | family), address}, entry: {rule}} | client_bytes] | join(""))
	+ ([.server_ids[] | {key: {service, server_id}, value: {backend}} | id_bytes] | join(""))
	+ if has_checks then .service.checks | checks_struct | checks_bytes else "" end;
