# SPDX-License-Identifier: GPL-2.0-only
# tell: a plan, line by line, for the shell.
#
# In:  what change.jq prints; $dry: 1 if it shall not be done; $verb: whose plan it is, for the journal (none for what
#      checks have found: lb watch says it); the encoders, see encode.jq
# Out: "ok", and then lines "warn TEXT", "keep ADDRESS...", "forget ADDRESS...", and "command BYTES" as printf understands
#      them (dry: "plan TEXT"), "note TEXT<tab>FIELD=VALUE..."; or "refused STATUS TEXT"
include "words";
include "describe";
include "encode";
include "logged";

def tell(command_bytes; change_bytes; client_bytes; id_bytes; checks_bytes):
	input
	| if .status then refused else
		"ok",
		(.warnings[] | "warn \(.)"),
		(select(.keep != []) | "keep \(.keep | join(" "))"),
		(select(.forget != []) | "forget \(.forget | join(" "))"),
		if $ARGS.named.dry == 1 then inputs | describe | "plan \(.)"
		else
			[inputs] as $commands
			| ($commands[] | "command \(encode_command(command_bytes; change_bytes; client_bytes; id_bytes; checks_bytes))"),
			  (select($ARGS.named.verb | IN(null, "health") | not) | $commands | logged)
		end
	  end;
