# SPDX-License-Identifier: GPL-2.0-only
# plan: compares what is with what shall be, and says how to get there. For lb.
#
# In:  $want: [{protocol, address, port, sticky, filling, slots, backends: [{address, port, weight, state}]}]
#      $services, $backends: what is, as maps/services.sh and maps/backends.sh decode it
#      $limits: {slots, services, backends, service_backends, default_slots, own}: own is this machine's address
# Out: {commands, keep, forget, warnings}: what xdp_maglev has to do (see commands_encode), in this order; addresses of
#      backends that come, and of those that go. Or {error}: then nothing must be done.

# What was not said becomes the default.
($want | map(.filling //= "maglev" | .backends |= map(.weight //= 1 | .state //= "up"))) as $want |

def name: "\(.protocol) \(.address):\(if .port == 0 then "any" else .port end)";
def server: "\(.address):\(.port)";
def by(f): map({key: (f | tostring), value: .}) | from_entries;
def twice(f): group_by(f) | map(select(length > 1)[0]) | .[0];

# check: what is wrong with $want by itself.
def check:
	($want | twice(name) | values | error("service \(name) is there twice")),
	($want[] | select(.port == 0 and .address == $limits.own)
		| error("\(.address) is this machine's own address, and it needs ports of its own; take another VIP, or single ports")),
	($want[] | name as $name | .backends
		| (twice(server) | values | error("backend \(server) of \($name) is there twice")),
		(length | select(. > $limits.service_backends)
			| error("\($name) would have \(.) backends; \($limits.service_backends) is the limit")));

# gaps: where slots are free, as [first, slots].
def gaps:
	(sort_by(.first) | reduce .[] as $service ({at: 0, gaps: []};
		.gaps += [[.at, $service.first - .at]]
		| .at = ([.at, $service.first + $service.slots] | max)))
	| .gaps + [[.at, $limits.slots - .at]] | map(select(.[1] > 0));

# allocate: takes slots from the first gap that is large enough, and says where they begin.
def allocate($slots):
	(.gaps | map(.[1] >= $slots) | index(true)) as $at
	| if $at == null then error("all \($limits.slots) slots are taken; delete a service, or give it fewer slots") else . end
	| .first = .gaps[$at][0]
	| .gaps[$at] = [.first + $slots, .gaps[$at][1] - $slots];

def is_prime: . as $n | $n > 1 and all(range(2; $n | sqrt | floor + 1); $n % . != 0);

# slots: how many a service gets that has $now. A table that is too small for its backends is none, and Maglev
# needs a prime number.
def slots($now):
	([.backends[] | select(.state == "up" and .weight > 0)] | length) as $busy
	| (.slots // $now // $limits.default_slots) as $slots
	| if $slots < $busy or ($busy > 0 and .filling == "maglev" and ($slots | is_prime | not)) then $limits.default_slots else $slots end;

# changes: what becomes of the backends of service $id; $there is what it has, new ones take ids from $free.
def changes($there; $free; $id):
	($there | by(server)) as $old
	| (.backends | by(server)) as $new
	| [.backends[] | $old[server] as $is | select($is and ([.weight, .state] != ($is | [.weight, .state])))
		| . + {id: $is.id, service: $id}]
	+ ([.backends[] | select($old[server] == null)] | to_entries | map(.value + {id: $free[.key], service: $id}))
	+ [$there[] | select($new[server] == null) | {id, address: "0.0.0.0", port: 0, weight: 0, state: "free", service: 0}];

def plan:
	($services | by(name)) as $current
	| ($want | by(name)) as $wanted
	| ($want | by(.address)) as $vips
	| [$services[] | select($wanted[name] == null)] as $leaving
	| [$services[] | select($wanted[name] != null)] as $staying
	| ($leaving | by(.id)) as $left
	| ($backends | group_by(.service) | by(.[0].service)) as $members
	| [$backends[] | select($left[.service | tostring] == null)] as $remaining
	| ($remaining | by(.id)) as $taken
	| (($staying | by(.id)) + ($remaining | by(.service))) as $taken_services
	| [range(1; $limits.backends) | select($taken[tostring] == null)] as $free
	| [range(1; $limits.services + 1) | select($taken_services[tostring] == null)] as $free_services
	| reduce $want[] as $service ({
			commands: [$leaving[] | ($members[.id | tostring] // []) as $there | . + {
				operation: 2,
				is_vip: ($vips[.address] != null),
				changes: ({backends: []} | changes($there; []; 0))
			}],
			warnings: [],
			new_backends: 0,
			new_services: 0,
			gaps: ($staying | gaps)
		};
		.new_backends as $used
		| $current[$service | name] as $now
		| ($now.id // $free_services[.new_services]) as $id
		| ($service | slots($now.slots)) as $slots
		| ((if $service.sticky then 1 else 0 end) + (if $service.filling == "hash" then 2 else 0 end)) as $flags
		| ($service | changes($members[$now.id | tostring] // []; $free[$used:$used + (.backends | length)]; $id)) as $changes
		| if $id == null then error("there are \($limits.services) services already; delete one")
		  elif any($changes[]; .id == null) then error("all \($limits.backends - 1) backends are taken; delete some")
		  elif $now and $now.slots == $slots and $now.flags == $flags and $changes == [] then .
		  else
			(if $now and $now.slots == $slots then .first = $now.first else allocate($slots) end)
			| .warnings += [($service.slots // $now.slots // $slots) | select(. != $slots)
				| "\($service | name) gets \($slots) slots instead of \(.), which cannot hold its backends; connections of before move"]
			| .new_backends += ([$changes[].id] - [$members[$now.id | tostring][]?.id] | length)
			| .new_services += (if $now then 0 else 1 end)
			| .commands += [($service | del(.backends)) + {operation: 1, $id, first: .first, $slots, $flags, is_vip: true, $changes}]
		  end)
	| ([$want[].backends[] | {key: .address, value: true}] | from_entries) as $needed
	| ([$backends[] | {key: .address, value: true}] | from_entries) as $known
	| {
		commands,
		warnings,
		keep: [$needed | keys[] | select($known[.] == null)],
		forget: [$known | keys[] | select($needed[.] == null)]
	};

try (first(check), plan) catch {error: .}
