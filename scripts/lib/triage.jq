# SPDX-License-Identifier: GPL-2.0-only
# triage: who gets packets when checks have found that backends have failed.
#
# In:  a service as it shall be, its fallback among its backends; $now: what it is, or null
# Out: the same, each backend with health ("unchecked", "healthy" or "failed") and flags: "last_resort" for those that
#      get packets although they have failed or drain, because nobody better is left
include "words";

def is_up: .state == "up" and (is_fallback | not);
def is_well: is_up and .health != "failed";

# last_resort($now): who is left: the fallback; healthy ones that drain; or (fail open) those that were the last to be
# healthy, or else all.
def last_resort($now):
	(.backends | map({key: server, value: is_up}) | from_entries) as $there
	| [$now.backends[]? | select(is_up and .weight > 0 and (.health != "failed" or is_last_resort)) | server | select($there[.])] as $last
	| if any(.backends[]; is_well and .weight > 0) then []
	  elif any(.backends[]; is_fallback) then [.backends[] | select(is_fallback) | server]
	  elif .strict or all(.backends[]; (is_up and .weight > 0 and .health == "failed") | not) then []
	  elif any(.backends[]; is_well) then [.backends[] | select(is_well) | server]
	  elif $last != [] then $last
	  else [.backends[] | select(is_up) | server] end;

def triage($now):
	(.checks != []) as $checked
	| ([$now.backends[]? | {key: server, value: .health}] | from_entries) as $known
	| .backends |= map(.flags = ((.flags // []) - ["last_resort"])
		| .health = (if $checked and (is_fallback | not) then .health // $known[server] // "unchecked" else "unchecked" end))
	| last_resort($now) as $resort
	| if $resort == [] then .
	  else .backends |= map(server as $server | if any($resort[]; . == $server) then .flags = ["last_resort"] + .flags else . end) end;

# alarm($now): warnings, when a service comes to that, and when it is over.
def alarm($now):
	def resort: [.backends[]? | select(is_last_resort) | server] | sort;
	def is_lost: .strict and any(.backends[]; .health == "failed") and (any(.backends[]; is_well and .weight > 0 or is_last_resort) | not);
	def some: .[:5] + if length > 5 then ["and \(length - 5) others"] else [] end | join(", ");
	name as $name | resort as $resort | ($now // {} | resort) as $before
	| if $resort == $before then empty
	  elif $resort == [] then "\($name): it has healthy backends again, which get everything"
	  elif any(.backends[]; is_fallback and is_last_resort)
	  then "\($name): NO BACKEND IS LEFT; the fallback \($resort[0]) gets everything"
	  elif any(.backends[]; is_last_resort and .health == "failed")
	  then "\($name): ALL BACKENDS HAVE FAILED; those that were healthy last go on to get packets: \($resort | some)"
	  else "\($name): only backends that drain are healthy; they get everything: \($resort | some)" end,
	  (select(is_lost and ($now == null or ($now | is_lost | not)))
		| "\($name): ALL BACKENDS HAVE FAILED; it is strict, so nobody gets packets");
