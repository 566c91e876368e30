# SPDX-License-Identifier: GPL-2.0-only
# describe: a command of plan.jq -> what it does, in the words of the services file: for lb --dry-run.
include "words";

def shown: "\(server) weight \(.weight) \(.state)";

def describe:
	.service.taken as $taken
	| if .operation == "delete" then "delete service \(.service | name)"
	else
		"\(if .before then "change" else "add" end) service \(.service | service_words)"
		+ (.before.taken // $taken | if . == $taken then "" else ", whose \(.) slots become \($taken)" end)
	end,
	(.changes[] | if .state == "free" then "  delete backend \(.before | server)"
		elif .before then "  change backend \(.before | shown) to weight \(.weight) \(.state)"
		else "  add backend \(shown)" end);
