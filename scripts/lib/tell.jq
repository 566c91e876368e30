# SPDX-License-Identifier: GPL-2.0-only
# tell: a plan, line by line, for the shell.
#
# In:  what change.jq prints; $dry: 1 if it shall not be done; $contract
# Out: "ok", and then lines "warn TEXT", "keep ADDRESS...", "forget ADDRESS...", and "command BYTES" as printf understands
#      them (dry: "plan TEXT"); or "refused STATUS TEXT"
include "words";
include "bytes";
include "describe";
include "encode";

def tell:
	input
	| if .status then refused else
		"ok",
		(.warnings[] | "warn \(.)"),
		(select(.keep != []) | "keep \(.keep | join(" "))"),
		(select(.forget != []) | "forget \(.forget | join(" "))"),
		if $ARGS.named.dry == 1 then inputs | describe | "plan \(.)"
		else hex as $hex | inputs | "command \(encode_command($hex))" end
	  end;
