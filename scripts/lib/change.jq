# SPDX-License-Identifier: GPL-2.0-only
# change: what is (configuration), what shall be (edit), and the way there (plan).
#
# In:  what parse_text has made of the command line, or of a file; $verb: "service add" and so on, "restore", "health", or
#      "refresh", which has nothing more to say;
#      $services, $backends, $checks: the lists; $limits, see plan.jq; $contract
# Out: {warnings, keep, forget}, and behind it each of the commands (see plan.jq). Or an error of words.jq: then nothing
#      must be done.
include "words";
include "configuration";
include "edit";
include "plan";

# planned: what shall be done. What is, is read beside parse_text, which takes as long.
def planned($verb; $limits):
	if $verb == "restore" then configuration as $is | given | plan($is; .; $limits; services; used_ids)
	elif $verb == "refresh" then configuration as $is | plan($is; $is; $limits; $is; used_ids)
	elif $verb == "health" then
		# what checks have found: [{protocol, address, port, backends: [{address, port, health}]}]
		input as $found | configuration as $all
		| [$found[] as $service | $all | find_service($service) | values] as $is
		| plan($is; [$is[] | . as $service | ($found | find_service($service)) as $new
			| .backends |= map(. as $backend | . + ($new.backends | map(select(server == ($backend | server)))[0] // {}))];
			$limits; $all; used_ids)
	else
		services as $all
		| typed as $new
		| ($all | find_service($new)) as $now
		| (if $now then [$now + backends_of($now)] else [] end) as $is
		| plan($is; $is[0] | edit($verb; $new); $limits; $all; used_ids)
	end;

def change:
	attempt(planned($ARGS.named.verb; $ARGS.named.limits))
	| if type == "array" then .[0] | {warnings, keep, forget}, .commands[] else . end;
