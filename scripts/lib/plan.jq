# SPDX-License-Identifier: GPL-2.0-only
# plan: compares what is with what shall be, service by service, and says how to get there.
#
# In:  $is, $want: configurations, as configuration.jq and parse.jq have them. Services that are in neither stay as
#      they are, those in $is alone go.
#      $limits: {slots, backends, services, service_backends, default_slots, own}: what there is room for, and this
#      machine's address
# Out: {commands, keep, forget, warnings}: what xdp_maglev has to do, in this order; addresses of backends that come,
#      and of those that go. Or an error of words.jq: then nothing must be done.
#      A command is {operation, service: {protocol, address, port, sticky, filling, id, first, slots}, is_vip,
#      changes: [{id, address, port, weight, state, service: ID}]}
include "words";
include "configuration";

def by(f): map({key: (f | tostring), value: .}) | from_entries;
def twice(f): group_by(f) | map(select(length > 1)[0]) | .[0];

# defaults: what was not said.
def defaults: .filling //= "maglev" | .backends |= map(.weight //= 1 | .state //= "up");

# check_service: what is wrong with it by itself.
def check_service($limits):
	if .port == 0 and .address == $limits.own
	then refuse("\(.address) is this machine's own address, and it needs ports of its own; take another VIP, or single ports") else . end
	| if .backends | length > $limits.service_backends
	  then refuse("\(name) would have \(.backends | length) backends; \($limits.service_backends) is the limit") else . end
	| name as $name | (.backends | twice(server)) as $twice
	| if $twice then refuse("backend \($twice | server) of \($name) is there twice") else . end;

# is_same($now): whether nothing is to be done for a service.
def is_same($now):
	def essence: .backends | map([.address, .port, .weight, .state]);
	$now != null and .sticky == $now.sticky and .filling == $now.filling and (.slots == null or .slots == $now.slots)
		and (.backends | length) == ($now.backends | length)
		and (essence as $want | ($now | essence) as $is | $want == $is or ($want | sort) == ($is | sort));

# gaps: services -> where slots are free, as [first, slots].
def gaps($limits):
	(sort_by(.first) | reduce .[] as $service ({at: 0, gaps: []};
		.gaps += [[.at, $service.first - .at]]
		| .at = ([.at, $service.first + $service.slots] | max)))
	| .gaps + [[.at, $limits.slots - .at]] | map(select(.[1] > 0));

# allocate: takes slots from the first gap that is large enough, and says where they begin.
def allocate($slots; $limits):
	(.gaps | map(.[1] >= $slots) | index(true)) as $at
	| if $at == null then refuse("all \($limits.slots) slots are taken; delete a service, or give it fewer slots") else . end
	| .first = .gaps[$at][0]
	| .gaps[$at] = [.first + $slots, .gaps[$at][1] - $slots];

# slots_for($now): how many a service gets that has $now. A table that is too small for its backends is none, and
# Maglev needs a prime number.
def slots_for($now; $limits):
	([.backends[] | select(.state == "up" and .weight > 0)] | length) as $busy
	| (.slots // $now // $limits.default_slots) as $slots
	| if $slots < $busy or ($busy > 0 and .filling == "maglev" and ($slots | is_prime | not))
	  then $limits.default_slots else $slots end;

# changes: what becomes of the backends of service $id; $there is what it has, new ones take ids from $free.
def changes($there; $free; $id):
	($there | by(server)) as $old
	| (.backends | by(server)) as $new
	| [.backends[] | $old[server] as $is | select($is and ([.weight, .state] != ($is | [.weight, .state])))
		| . + {id: $is.id, service: $id, before: $is}]
	+ ([.backends[] | select($old[server] == null)] | to_entries | map(.value + {id: $free[.key], service: $id}))
	+ [$there[] | select($new[server] == null)
		| {id, address: "0.0.0.0", port: 0, weight: 0, state: "free", service: 0, before: .}];

# build($now): a service's command, and what it takes; in the state of plan.
def build($service; $now; $limits; $free):
	.new_backends as $used
	| ($now.id // $limits.free_services[.new_services]) as $id
	| ($service | slots_for($now.slots; $limits)) as $slots
	| ($service | changes($now.backends // []; $free[$used:$used + (.backends | length)]; $id)) as $changes
	| if $id == null then refuse("there are \($limits.services) services already; delete one")
	  elif any($changes[]; .id == null) then refuse("all \($limits.backends - 1) backends are taken; delete some")
	  elif $now and $now.slots == $slots then .first = $now.first
	  else allocate($slots; $limits) end
	| .warnings += [($service.slots // $now.slots // $slots) | select(. != $slots)
		| "\($service | name) gets \($slots) slots instead of \(.), which cannot hold its backends; connections of before move"]
	| .new_backends += ([$changes[] | select(.before == null)] | length)
	| .new_services += (if $now then 0 else 1 end)
	| .commands += [{operation: "build", service: ($service + {$id, $slots, first: .first} | del(.backends)), is_vip: true,
		$changes, before: $now}];

# free($limit; $n): the lowest $n numbers below $limit, from 1 on, that are not among those on the input.
def free($limit; $n): by(.) as $taken | [limit($n; range(1; $limit) | select($taken[tostring] == null))];

# but($others): numbers that are not among the others.
def but($others): ($others | by(.)) as $others | map(select($others[tostring] == null));

# newcomers: how many backends of a service are not there yet; in {service, now}.
def newcomers: (.now.backends // [] | by(server)) as $old | [.service.backends[] | select($old[server] == null)] | length;

def plan($is; $want; $limits):
	($want | twice(name)) as $twice
	| if $twice then refuse("service \($twice | name) is there twice") else . end
	| ($is | by(name)) as $current
	| ($want | by(name)) as $wanted
	| [$want[] | defaults | {service: ., now: $current[name]} | .now as $now | select(.service | is_same($now) | not)] as $changing
	| [$changing[].service | check_service($limits)] as $checked
	| [$is[] | select($wanted[name] == null)] as $leaving
	| ([$changing[] | newcomers] | add // 0) as $newcomers
	| services as $all
	| ($leaving | by(name)) as $gone
	| [$all[] | select($gone[name] == null)] as $staying
	| ($staying + [$changing[].service] | by(.address)) as $vips
	| ($limits + {free_services: [$staying[].id] | free($limits.services + 1; $changing | length)}) as $limits
	| (if $newcomers == 0 then []
	   else used_ids | but([$leaving[].backends[].id]) | free($limits.backends; $newcomers) end) as $free
	| reduce $changing[] as $it ({
			commands: [$leaving[] | {operation: "delete", service: ., is_vip: ($vips[.address] != null),
				changes: (.backends as $there | {backends: []} | changes($there; []; 0)), before: .}],
			warnings: [], new_backends: 0, new_services: 0, gaps: ($staying | gaps($limits))
		}; build($it.service; $it.now; $limits; $free))
	| [$changing[].service.backends[].address] as $needed
	| [($changing[].now | values), $leaving[] | .backends[].address] as $known
	| {commands, warnings, keep: ($needed | unique - ($known | unique)), forget: ($known | unique - ($needed | unique))};
