# SPDX-License-Identifier: GPL-2.0-only
# announce: how VIPs are, by their services: which of them shall BGP announce?
#
# In:  a configuration, as configuration.jq has it
# Out: a line for each VIP: ADDRESS STATE SERVICE. STATE is that of its worst service, which SERVICE names:
#        well     every service has as many healthy backends as it needs
#        unknown  one may have them: not all of its backends have been checked yet
#        failed   one has not
include "words";

# has_enough(f): as many backends as the service needs, one at least, are up and f. Nobody checks: those that are up count.
def has_enough(f): ([.backends[] | select(.state == "up" and f)] | length) >= ([.need, 1] | max);
def badness:
	if has_enough(.health == "healthy") or (.checks == [] and has_enough(true)) then 0
	elif has_enough(.health != "failed") then 1
	else 2 end;

def vips:
	map({address, name: name, badness: badness}) | group_by(.address)[] | max_by(.badness)
	| "\(.address) \(["well", "unknown", "failed"][.badness]) \(.name)";
