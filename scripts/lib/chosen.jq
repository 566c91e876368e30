# SPDX-License-Identifier: GPL-2.0-only
# chosen: which backend a packet is for.
#
# In: what xdp_why has put in front of the packet (maps/types/explanation.h), and what configuration.jq reads
include "words";
include "configuration";
include "clients";

def flows_only: 65535; # SLOT_FLOWS_ONLY of maps/slots.h

# explained($it): the explanation, with the service and the backends that its ids mean.
def explained($it):
	configuration as $all
	| ([$all[] | select(.id == $it.service)][0]) as $service
	| ([$all[] | .backends[], (.fallback | values) | {key: (.id | tostring), value: .}] | from_entries) as $backends
	| $it + {service: $service, is_later: ($it.parsed == "later_fragment"),
		now: $backends[$it.now | tostring], was: (if $it.was == flows_only then null else $backends[$it.was | tostring] end),
		differs: ($it.now != $it.was), only_flows: ($it.was == flows_only), known: $backends[$it.backend | tostring]};

# decider: the prefix that decides about the packet's client, or null; is_denied: whether its service does not want it.
def decider: .flow.source as $client | .service.clients | which($client);
def is_denied:
	.service and .probe == 0 and (decider as $by | if $by then $by.rule == "deny" else .service.clients | are_alone end);

def usable: .state == "up" and (.health != "failed" or is_last_resort);

# chosen: the backend that the packet is for, as choose_backend() of headers/lb/tracking.h has it; or null.
def chosen:
	if is_denied then null
	elif .memory != "none" or .probe == 1 then .known
	elif .service == null then null
	elif .differs and (.opens | . == 0) and .service.learns > 0 and (.was | values | usable) then .was
	else .now end;
