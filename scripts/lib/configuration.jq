# SPDX-License-Identifier: GPL-2.0-only
# configuration: what is, out of the lists that bpf/list_services.c and bpf/list_backends.c print.
#
# In:  $services, $backends: the lists, as texts
# Out: [{protocol, address, port, sticky, filling, slots, id, first, taken, learns, backends: [{id, address, port, weight,
#      state}]}]: sorted by address, port and protocol, and backends by address and port. slots is how many a person has
#      asked for (0: as its backends need), taken how many it has.
include "words";
include "bytes";

# rows: the lines of a list, behind the first, which names the map.
def rows: split("\n")[1:-1];

# services: without their backends.
def services:
	$ARGS.named.services | rows | map(split(" ") | . as [$id, $protocol, $address, $port, $first, $slots, $flags, $learns]
		| ($flags | tonumber | bits(contract.flags.service_flags[1:])) as $flags
		| {
			protocol: ($protocol | protocol), $address, port: ($port | tonumber),
			sticky: ($flags | index("sticky") != null),
			filling: (if $flags | index("hash") then "hash" else "maglev" end),
			slots: (if $flags | index("sized") then $slots | tonumber else 0 end),
			id: ($id | tonumber), first: ($first | tonumber), taken: ($slots | tonumber), learns: ($learns | tonumber)
		}) | sort_by(.address, .port, .protocol);

# backend: from a line of the list.
def backend: split(" ") | . as [$service, $id, $address, $port, $weight, $state] | {
	id: ($id | tonumber), $address, port: ($port | tonumber), weight: ($weight | tonumber),
	state: contract.enums.backend_state[1 + ($state | tonumber)]
};

def in_order: sort_by((.address | split(".") | map(tonumber)), .port);

# backends_of($service): those of one service.
def backends_of($service):
	"\($service.id) " as $prefix
	| [$ARGS.named.backends | rows[] | select(startswith($prefix)) | backend];

# with_backends: services with all of theirs.
def with_backends:
	($ARGS.named.backends | rows | map([.[:index(" ")], backend]) | group_by(.[0])
		| map({key: .[0][0], value: map(.[1])}) | from_entries) as $of
	| map(.backends = ($of[.id | tostring] // []));

# configuration: all of it.
def configuration: services | with_backends;

# service($protocol; $address; $port): the one, with its backends; null if there is none.
def find_service($new): first(.[] | select(.port == $new.port and .address == $new.address and .protocol == $new.protocol)) // null;

# used_ids: of all backends.
def used_ids: [$ARGS.named.backends | rows[] | split(" ")[1]];

# as_text: a service as parse.jq reads it.
def as_text:
	.port as $port
	| "service \(service_words)",
	  (.backends | in_order[] | "  backend \(.address)\(if .port == $port then "" else ":\(.port)" end) weight \(.weight) \(.state)");

# as_json: without what is the maps' own business.
def as_json: .sized = (.slots > 0) | .slots = .taken | del(.id, .first, .taken, .learns) | .backends |= (in_order | map(del(.id)));
