# SPDX-License-Identifier: GPL-2.0-only
# change: from what was typed, or stands in a file, to commands for xdp_maglev.
#
#   parse -> | configuration (what is) -> edit (what shall be) -> plan (the way there) -> encode (bytes)
#
# In:  $verb: "service add" and so on, with $typed, see edit.jq; or "restore", with what parse_text has made of the file
#      on the input: that takes as long as all the rest, and is done beside it. $services, $backends: the lists;
#      $limits, see plan.jq; $dry: 1 if it shall not be done; $contract
# Out: lines, the first of them "ok"; then "warn TEXT", "keep ADDRESS", "forget ADDRESS", and "command BYTES" as printf
#      understands them (dry: "plan TEXT"). Or "refused STATUS TEXT": then nothing must be done.
include "words";
include "bytes";
include "configuration";
include "edit";
include "plan";
include "describe";
include "encode";

# planned: what shall be done.
def planned($verb; $limits):
	if $verb == "restore" then
		configuration as $is | input | if type == "object" then error(.status = 1) else . end | plan($is; .; $limits)
	else
		typed as $new
		| (services | find_service($new)) as $now
		| (if $now then [$now + {backends: backends_of($now)}] else [] end) as $is
		| plan($is; $is[0] | edit($verb; $new); $limits)
	end;

# told: a plan, line by line.
def told($dry):
	(.warnings[] | "warn \(.)"),
	(select(.keep != []) | "keep \(.keep | join(" "))"),
	(select(.forget != []) | "forget \(.forget | join(" "))"),
	if $dry == 1 then .commands[] | describe | "plan \(.)"
	else hex as $hex | .commands[] | "command \(encode_command($hex))" end;

def change: answer(planned($ARGS.named.verb; $ARGS.named.limits); told($ARGS.named.dry));
