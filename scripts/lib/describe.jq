# SPDX-License-Identifier: GPL-2.0-only
# describe: a command of plan.jq -> what it does, in the words of the services file: for lb --dry-run.
include "words";
include "checks";
include "address";
include "clients";
include "quic";

# shown, found: what a person has set of a backend, and what else is so.
def shown_id: if .server_id then " id \(.server_id)" else "" end;
def shown: "\(if is_fallback then "fallback" else "backend" end) \(server)\(if is_fallback then "" else " weight \(.weight) \(.state)" end)\(shown_id)";
def found: (if .health == "unchecked" then "" else " \(.health)" end) + (if is_last_resort then ", as the last resort" else "" end)
	+ (if is_local then ", on this machine" else "" end);

def describe:
	.service.taken as $taken
	| if .operation == "delete" then "delete service \(.service | name)"
	else
		"\(if .before then "change" else "add" end) service \(.service | service_words)"
		+ (.before.taken // $taken | if . == $taken then "" else ", whose \(.) slots become \($taken)" end)
	end,
	(.changes[] | if .state == "free" then "  delete \(if .before | is_fallback then "fallback" else "backend" end) \(.before | server)"
		elif .before and (.before | shown + found) == (shown + found) then empty
		elif .before then "  change \(.before | shown + found) to weight \(.weight) \(.state)\(shown_id)\(found)"
		else "  add \(shown)\(found)" end),
	(.clients[] | select(.bits > 0)
		| if .rule == "unknown" then "  delete client \(.before) \(prefix_text)"
		  elif .before then "  change client \(.before) \(prefix_text) to \(.rule)"
		  else "  add client \(client_key)" end),
	(select(.operation == "build" and .service.checks != (.before.checks // []))
		| "  its checks: \(.service.checks | map(check_text) | join(", ") | if . == "" then "none" else . end)");
