# SPDX-License-Identifier: GPL-2.0-only
# configuration: what is, out of the lists that bpf/list_services.c, bpf/list_backends.c and so on print.
#
# In:  $services, $backends, $checks, $prefixes, $server_ids, $limits_of: the lists, as texts
# Out: [{protocol, address, port, sticky, filling, slots, need, strict, quic, limit, id, first, taken, learns, clients: [see
#      clients.jq], checks: [see checks.jq], fallback: null or like a backend, backends: [{id, address, port, weight, state, health, flags, server_id}]}]: IPv4 first, sorted
#      by address, port and protocol, and backends by address and port. slots is how many a person has asked for (0: as its backends
#      need), taken how many it has.
include "words";
include "address";
include "checks";
include "clients";
include "quic";
include "bytes";

# rows: the lines of a list, behind the first, which names the map.
def rows: split("\n") | .[1:-1];

# checks_of: {ID: [check...]}: a line with nothing but an id, and then the checks of that service.
def checks_of:
	reduce ($ARGS.named.checks | rows[]) as $line ({};
		if $line | startswith("check ") then .all[.id] += [$line | words_of_line[1:] | check_words] else .id = $line end)
	| .all // {};

# clients_of: {ID: [client...]}, without what follows from them.
def clients_of:
	$ARGS.named.prefixes | rows
	| map(split(" ") | {id: .[0], rule: contract.enums.client_rule[1 + (.[1] | tonumber)], address: .[2], bits: (.[3] | tonumber)} | select(.bits > 0))
	| group_by(.id) | map({key: .[0].id, value: (map(del(.id)) | in_order_of_prefixes)}) | from_entries;

# limits_of: {ID: {rate, bits}}
def limits_of: $ARGS.named.limits_of | rows | map(split(" ") | {key: .[0], value: {rate: (.[1] | tonumber), bits: (.[2] | tonumber)}}) | from_entries;

# services: without their backends.
def services:
	checks_of as $checks | clients_of as $clients | limits_of as $limit
	| $ARGS.named.services | rows | map(split(" ") | . as [$id, $protocol, $address, $port, $first, $slots, $flags, $need, $quic, $learns]
		| ($flags | tonumber | bits(contract.flags.service_flags[1:])) as $flags
		| {
			protocol: ($protocol | protocol), $address, port: ($port | tonumber),
			sticky: ($flags | index("sticky") != null),
			filling: (if $flags | index("hash") then "hash" else "maglev" end),
			slots: (if $flags | index("sized") then $slots | tonumber else 0 end),
			need: ($need | tonumber), strict: ($flags | index("strict") != null), quic: ($quic | tonumber), limit: $limit[$id], clients: ($clients[$id] // []), checks: ($checks[$id] // []),
			id: ($id | tonumber), first: ($first | tonumber), taken: ($slots | tonumber), learns: ($learns | tonumber)
		}) | sort_by((.address | family), (.address | by_address), .port, .protocol);

# backend: from a line of the list.
def backend: split(" ") | . as [$service, $id, $address, $port, $weight, $state, $health, $flags] | {
	id: ($id | tonumber), $address, port: ($port | tonumber), weight: ($weight | tonumber),
	state: contract.enums.backend_state[1 + ($state | tonumber)],
	health: contract.enums.backend_health[1 + ($health | tonumber)],
	flags: (if $flags == "0" then [] else $flags | tonumber | bits(contract.flags.backend_flags[1:]) end)
};

# server_ids_of: {ID: its server id, a number}
def server_ids_of: $ARGS.named.server_ids | rows | map(split(" ") | {key: .[0], value: (.[2] | tonumber)}) | from_entries;

# identified($bytes; $ids): backends with the server ids that somebody has chosen.
def identified($bytes; $ids):
	if $bytes == 0 then . else map($ids[.id | tostring] as $n
		| .server_id = (if $n == null then null else $n | hex_of(2 * $bytes) end) | .server_id = chosen_id($bytes)) end;

# apart: backends, and the fallback, which is listed among them.
def apart: {backends: map(select(is_fallback | not)), fallback: (map(select(is_fallback))[0])};

# in_order: as xdp_maglev gives them their turns.
def in_order: sort_by((.address | by_address), .port, (.address | family));

# backends_of($service): those of one service.
def backends_of($service):
	"\($service.id) " as $prefix
	| [$ARGS.named.backends | rows[] | select(startswith($prefix)) | backend] | identified($service.quic; server_ids_of) | apart;

# with_backends: services with all of theirs.
def with_backends:
	($ARGS.named.backends | rows | map([.[:index(" ")], backend]) | group_by(.[0])
		| map({key: .[0][0], value: map(.[1])}) | from_entries) as $of | server_ids_of as $ids
	| map(.quic as $bytes | . + ($of[.id | tostring] // [] | identified($bytes; $ids) | apart));

# configuration: all of it.
def configuration: services | with_backends;

# service($protocol; $address; $port): the one, with its backends; null if there is none.
def find_service($new): first(.[] | select(.port == $new.port and .address == $new.address and .protocol == $new.protocol)) // null;

# used_ids: of all backends.
def used_ids: [$ARGS.named.backends | rows[] | split(" ")[1]];

# id_word($bytes): the server id of a backend, behind its words.
def id_word($bytes): if $bytes > 0 then " id \(with_server_id($bytes).server_id)" else "" end;

# as_text: a service as parse.jq reads it, and behind each backend what remark says of it.
def as_text(remark):
	. as $service
	| "service \(service_words)\(.fallback | fallback_word($service))",
	  (.clients[] | "  client " + client_key),
	  (.checks[] | "  " + check_text),
	  (.backends | in_order[]
		| "  backend \(address_or_server($service.port)) weight \(.weight) \(.state)\(id_word($service.quic))\(remark)");
def as_text: as_text("");

# healthy: how many backends are up and have not failed; is_failed: whether those are less than the service needs.
def healthy: [.backends[] | select(.state == "up" and .health != "failed")] | length;
def is_failed: healthy < ([.need, 1] | max);

# as_shown: the same with what checks have found, and which backends are this machine itself, as comments.
def as_shown:
	def here: if is_local then "; this machine" else "" end;
	if .checks == [] and .fallback == null then as_text(if is_local then "  # this machine" else "" end)
	else
		as_text(if .health == "unchecked" and (is_local | not) then "" else "  # \(.health)\(here)" end + if is_last_resort then "  # gets packets: nobody better is left" else "" end),
		(select(.checks != []) | "  # \(.backends | length) backends: "
			+ ([("healthy", "failed", "unchecked") as $health | "\([.backends[] | select(.health == $health)] | length) \($health)"] | join(", "))
			+ if is_failed then "; THE SERVICE HAS FAILED: it needs \([.need, 1] | max)" else "" end),
		(select(.fallback and (.fallback | is_last_resort)) | "  # the fallback \(.fallback | server) gets everything: nobody else is left")
	end;

# as_json: without what is the maps' own business.
def backend_json: .last_resort = is_last_resort | if is_local then .local = true else . end | del(.id, .flags) | if .server_id == null then del(.server_id) else . end;
def as_json:
	.sized = (.slots > 0) | .slots = .taken | .healthy = healthy | .failed = is_failed | .checks |= map(check_text)
	| if .limit == null then del(.limit) else . end
	| .quic as $quic | .backends |= map(with_server_id($quic)) | if $quic == 0 then del(.quic) else . end
	| if .clients == [] then del(.clients) else .clients |= map({rule, prefix: prefix_text}) end
	| .fallback |= (if . then backend_json | {address, port, last_resort} else null end)
	| del(.id, .first, .taken, .learns) | .backends |= (in_order | map(backend_json));
