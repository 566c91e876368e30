# SPDX-License-Identifier: GPL-2.0-only
# plan: compares what is with what shall be, service by service, and says how to get there.
#
# In:  $is, $want: configurations, as configuration.jq and parse.jq have them. Services that are in neither stay as
#      they are, those in $is alone go. all_services, used_ids: all that there are, and the ids of all backends.
#      $limits: {slots, backends, services, service_backends, clients, service_clients, changes, own, own6, here}: what there is room for, and this machine's
#      addresses: those that it sends from, and (as a text) all
# Out: {commands, keep, forget, warnings}: what xdp_maglev has to do, in this order; addresses of backends that come,
#      and of those that go. Or an error of words.jq: then nothing must be done.
#      A command is {operation, service: {protocol, address, port, sticky, filling, slots, need, strict, quic, limit, clients, checks, id, first,
#      taken, table}, is_vip, changes: [{id, address, port, weight, state, health, flags, service: ID}],
#      clients: [{service: ID, rule, address, bits, before: RULE}],
#      server_ids: [{service: ID, server_id: NUMBER, backend: ID}]}
include "words";
include "checks";
include "address";
include "clients";
include "quic";
include "triage";

# by(f): a list -> an object of its elements, by what f says of them. twice(f): the first that is there a second time.
def by(f): reduce .[] as $x ({}; .[$x | f | tostring] = $x);
def twice(f): group_by(f) | map(select(length > 1)[1]) | .[0];

# defaults: what was not said.
def defaults:
	.filling //= "maglev" | .slots //= 0 | .need //= 0 | .strict //= false | .quic //= 0 | if .limit.rate == 0 then .limit = null else . end
	| .clients |= in_order_of_prefixes
	| .backends |= map(.weight //= 1 | .state //= "up");

# whole: a service whose fallback is one of its backends, and whose backends have server ids, as in the maps.
def whole:
	(.quic // 0) as $bytes
	| .backends += [.fallback // empty | select(.address) | {weight: 0, state: "up", flags: ["fallback"]} + .] | .fallback = null
	| .backends |= map(with_server_id($bytes));

# mark_local($limits): backends whose address is one of this machine: packets for them are the kernel's.
def mark_local($limits):
	($limits.here // "") as $here
	| .backends |= map(.address as $address | .flags = (.flags - ["local"] + if $here | contains(" \($address) ") then ["local"] else [] end));

# mark_listed: backends of a service that not everybody may use.
def mark_listed: (.clients != []) as $listed | .backends |= map(.flags = (.flags - ["listed"] + if $listed then ["listed"] else [] end));

# check_service: what is wrong with it by itself.
def check_service($limits):
	if .port == 0 and (.address == $limits.own or .address == $limits.own6)
	then refuse("\(.address) is this machine's own address, and it needs ports of its own; take another VIP, or single ports")
	elif .backends | length > $limits.service_backends
	then refuse("\(name) would have \(.backends | length) backends; \($limits.service_backends) is the limit")
	elif .checks | length > (unique_by(check_key) | length)
	then refuse("check \(.checks | twice(check_key) | check_key) of \(name) is there twice")
	elif ([.checks[] | check_text | utf8 | length + 1] | add // 0) > checks_length
	then refuse("the checks of \(name) are too long: together they may have \(checks_length) bytes")
	elif .clients | length > $limits.service_clients
	then refuse("\(name) would have \(.clients | length) prefixes of clients; \($limits.service_clients) is the limit")
	elif .clients | length > (unique_by(prefix_text) | length)
	then refuse("\(name) has \(.clients | twice(prefix_text) | prefix_text) twice; say allow or deny once")
	else check_server_ids end;

# is_same($now): whether nothing is to be done for a service.
def is_same($now):
	def essence: .backends | map([.address, .port, .weight, .state, .health, .flags, .server_id]);
	$now != null and .sticky == $now.sticky and .filling == $now.filling and .slots == $now.slots
		and .need == $now.need and .strict == $now.strict and .checks == $now.checks and .clients == $now.clients and .quic == $now.quic and .limit == $now.limit
		and (.backends | length) == ($now.backends | length)
		and (essence as $want | ($now | essence) as $is | $want == $is or ($want | sort) == ($is | sort));

# whole_lines: so many slots that no cache line (16 of them) is another service's too.
def whole_lines: (. + 15) / 16 | floor * 16;

# gaps: services -> where slots are free, as [first, slots].
def gaps($limits):
	(sort_by(.first) | reduce .[] as $service ({at: 0, gaps: []};
		.gaps += [[.at, $service.first - .at]]
		| .at = ([.at, $service.first + ($service.taken | whole_lines)] | max)))
	| .gaps + [[.at, $limits.slots - .at]] | map(select(.[1] > 0));

# allocate: takes slots from the first gap that is large enough, and says where they begin.
def allocate($taken; $limits):
	($taken | whole_lines) as $slots
	| (.gaps | map(.[1] >= $slots) | index(true)) as $at
	| if $at == null then refuse("all \($limits.slots) slots are taken; delete a service, or give it fewer slots") else . end
	| .first = .gaps[$at][0]
	| .gaps[$at] = [.first + $slots, .gaps[$at][1] - $slots];

# auto_table: how many slots a service's backends share: about 100 for each of them, whatever its state, so that a
# backend that fails or drains changes no size.
def auto_table: (.backends | length) as $n | first((512, 1024, 4096, 16384 | select(. >= 100 * $n)), 65536);

# table: what a person has asked for, unless it is too small for its backends, or no table for Maglev.
def table:
	([.backends[] | select(.state == "up" and .weight > 0)] | length) as $busy
	| if .slots == 0 or .slots < $busy or ($busy > 0 and .filling == "maglev" and (.slots | suits_maglev | not))
	  then auto_table else .slots end;

# slots_of($now): how many a service takes. One that has more than its table keeps them, as long as each of the table
# can be several of them: they may have different memories (headers/maglev/takeover.h).
def slots_of($now): if $now and .slots == 0 and $now.taken % .table == 0 then $now.taken else .table end;

# compare($there): what becomes of the backends of a service that has those in $there: {changed: those that are another
# one now, or nobody's, with what they were before; new: those that need an id}.
def compare($there):
	(.backends | by(server)) as $wanted
	| if ($wanted | length) < (.backends | length)
	  then (.backends | twice(server)) as $second | line($second.line; refuse("backend \($second | server) of \(name) is there twice"))
	  elif $there == [] then {changed: [], new: .backends}
	  else
		($there | by(server)) as $old
		| {
			changed: ([.backends[] | $old[server] as $is | select($is and ([.weight, .state, .health, .flags] != ($is | [.weight, .state, .health, .flags])))
					| . + {id: $is.id, before: $is}]
				+ [$there[] | select($wanted[server] == null) | {id, before: .}]),
			new: [.backends[] | select($old[server] == null)]
		}
	  end;

# nobody: what an id is that is free.
def nobody: . + {address: "0.0.0.0", port: 0, weight: 0, state: "free", health: "unchecked", flags: [], service: 0};

# turn_clients($id; $before; $after): what becomes of prefixes in the kernel, so that those of a service, with this id, are others.
def turn_clients($id; $before; $after):
	($before | by(prefix_text)) as $old | ($after | by(prefix_text)) as $new
	| [$before[] | select($new[prefix_text] == null) | .before = .rule | .rule = "unknown"]
		+ [$after[] | .before = $old[prefix_text].rule | select(.rule != .before)]
	| map(.service = $id);
def rules_of: if . then (.address | family) as $family | .clients | rules($family) else [] end;

# turn_server_ids($id; $before; $after): the same for server ids; both are lists of backends that have an id.
def turn_server_ids($id; $before; $after):
	def known: map(select(.server_id) | {server_id, backend: .id});
	($before | known) as $old | ($after | known) as $new | ($new | by(.server_id)) as $taken
	| [$old[] | select($taken[.server_id] == null) | .backend = 0] + ($new - $old)
	| map(.service = $id | .server_id |= hex_to_number);

# fits($limits): whether a command is not too long.
def fits($limits):
	if (.changes | length) + (.clients | length) + (.server_ids | length) > $limits.changes
	then refuse("\(.service | name) would change in too many ways at once; change its clients and its backends in several commands") else . end;

# build($limits; $free): the command for a service, {service, now, changed, new}, and what it takes; in the state of plan.
def build($it; $limits; $free):
	.new_backends as $used
	| $it.now as $now
	| ($now.id // $limits.free_services[.new_services]) as $id
	| ($it.service | .table = table | if .table == .slots then . else .slots = 0 end | .taken = slots_of($now)) as $service
	| $service.taken as $taken
	| if $id == null then refuse("there are \($limits.services) services already; delete one")
	  elif $free | length < $used + ($it.new | length) then refuse("all \($limits.backends - 1) backends are taken; delete some")
	  elif $now and $now.taken == $taken then .first = $now.first
	  else allocate($taken; $limits) end
	| .warnings += [($it.service | select(.slots != $service.slots)
			| "\(name) gets \($taken) slots instead of \(.slots), which cannot hold its backends"),
		($it.service | alarm($now)),
		(select($now.taken and $taken % $now.taken != 0)
			| "\($service | name): \($now.taken) slots become \($taken); connections of before move")]
	| [range($it.new | length) as $i | $it.new[$i] + {id: $free[$used + $i], service: $id}] as $new
	| ($new + ($now.backends // []) | by(server) | map_values(.id)) as $ids
	| .new_backends += ($it.new | length)
	| .new_services += (if $now then 0 else 1 end)
	| .commands += [{operation: "build", service: ($service + {$id, first: .first} | del(.backends)), is_vip: true, before: $now,
		changes: [($it.changed[] | if .state then .service = $id else nobody end),
			$new[]],
		server_ids: turn_server_ids($id; $now.backends // []; $it.service.backends | map(.id = $ids[server])),
		clients: turn_clients($id; $now | rules_of; $it.service | rules_of)} | fits($limits)];

# free($limit; $n): the lowest $n numbers below $limit, from 1 on, that are not among those on the input.
def free($limit; $n): by(.) as $taken | [limit($n; range(1; $limit) | select($taken[tostring] == null))];

# but($others): numbers that are not among the others.
def but($others): ($others | by(.)) as $others | map(select($others[tostring] == null));

def plan($is; $want; $limits; all_services; used_ids):
	($is | map(whole)) as $is
	| ($want | map(whole)) as $want
	| ($want | by(name)) as $wanted
	| if $wanted | length < ($want | length)
	  then ($want | twice(name)) as $second | line($second.line; refuse("service \($second | name) is there twice")) else . end
	| ($is | by(name)) as $current
	| [$want[] | $current[name] as $now | defaults | triage($now) | mark_local($limits) | mark_listed | select(is_same($now) | not)
		| line(.line; check_service($limits) | {service: ., $now} + compare($now.backends // []))] as $changing
	| [$is[] | select($wanted[name] == null)] as $leaving
	| ([$changing[].new | length] | add // 0) as $newcomers
	| ($leaving | by(name)) as $gone
	| [all_services[] | select($gone[name] == null)] as $staying
	| ($staying + [$changing[].service] | by(.address)) as $vips
	| ($limits + {free_services: [$staying[].id] | free($limits.services + 1; $changing | length)}) as $limits
	| ([$staying[], $changing[].service] | by(name) | [.[] | .clients | length + 1] | add // 0) as $prefixes
	| if $prefixes > $limits.clients then refuse("there would be \($prefixes) prefixes of clients; \($limits.clients) is the limit") else . end
	| (if $newcomers == 0 then []
	   else used_ids | but([$leaving[].backends[].id]) | free($limits.backends; $newcomers) end) as $free
	| reduce $changing[] as $it ({
			commands: [$leaving[] | {operation: "delete", service: ., is_vip: ($vips[.address] != null), before: .,
				changes: [.backends[] | {id, before: .} | nobody], clients: turn_clients(.id; rules_of; []), server_ids: turn_server_ids(.id; .backends; [])}],
			warnings: [], new_backends: 0, new_services: 0, gaps: ($staying | gaps($limits))
		}; line($it.service.line; build($it; $limits; $free)))
	| [$changing[].service.backends[].address] as $needed
	| [($changing[].now | values), $leaving[] | .backends[].address] as $known
	| {commands, warnings, keep: ($needed | unique - ($known | unique)), forget: ($known | unique - ($needed | unique))};
