# SPDX-License-Identifier: GPL-2.0-only
# watch: what lb watch does next, from what it knows and has just heard.
#
# In:  what it knows (null at first: {items, mapped, rounds, serial, failed}); and the configuration if it has changed, or
#      null (configuration.jq); $results: what the probes of finished rounds have printed; $finished: the numbers of these
#      rounds; $now: seconds since boot; $own: our own address; $road: 1 if probes go to the VIP (see probes.sh), 0 if to
#      the backends; $limits: {first, ports, probes}
# Out: lines for watch.sh, see turn
#
# An item is one check of one backend: {service, backend, check, key, n: its number, probe: its place in the map of probes,
# passes: true, false, or null until it is known; good, bad: how many results in a row; falls: when it failed; due: when it
# is checked next; round: in which it is being checked, or null; started}
include "words";
include "checks";
include "bytes";

def bounded($low; $high): [[., $low] | max, $high] | min;

# ---- What is to be checked ----

# probe_for($taken): the lowest place that nobody has; if all are taken, two items share one, and take turns.
def probe_for($taken; $serial; $limits): first(range($limits.probes) | select($taken[tostring] | not)) // ($serial % $limits.probes);

# wanted: an item for each check of each backend.
def wanted:
	.[] | {service: {protocol, address, port, id, need, name: name}, checks, backends} | . as $it
	| .backends[] | {id, address, port, state, health} as $backend
	| $it.checks[] | {service: $it.service, backend: $backend, check: timing,
		key: "\($it.service.name) \($backend | server) \(check_key)"};

# take_configuration($config): the items that shall be; those that were there keep what is known of them.
def take_configuration($config; $now; $limits):
	(.items | map({key, value: .}) | from_entries) as $known
	| [$config | wanted] as $wanted
	| ([$wanted[] | $known[.key] | values | {key: (.probe | tostring), value: true}] | from_entries) as $taken
	| reduce $wanted[] as $item (.items = [] | .taken = $taken;
		$known[$item.key] as $old
		| if $old and $old.backend.id == $item.backend.id then .items += [$old + $item]
		  else
			probe_for(.taken; .serial; $limits) as $probe
			| .taken[$probe | tostring] = true
			| .items += [$item + {n: .serial, $probe, good: 0, bad: 0, falls: [], due: $now, round: null,
				passes: {healthy: true, failed: false}[$item.backend.health]}]
			| .serial += 1
		  end)
	| del(.taken);

# ---- What the probes have found ----

# found: the lines of results -> {N: {good, why}}
def found:
	[split("\n")[] | select(. != "") | split(" ")] as $lines
	| ([$lines[] | select(.[0] == "matched") | {key: .[1], value: true}] | from_entries) as $matched
	| reduce $lines[] as [$kind, $n, $status, $code, $connected] ({};
		if $kind == "curl" then .[$n] = {status: ($status | tonumber), code: ($code | tonumber), connected: ($connected | tonumber? // 0)}
		elif $kind == "ran" then .[$n] = {status: ($status | tonumber)}
		else . end
		| if .[$n] and ($kind | IN("curl", "ran")) then .[$n].matched = ($matched[$n] // false) else . end)
	| . as $of | reduce $lines[] as $line ($of; if $line[0] | IN("curl", "ran")
		then .[$line[1]].text = ($line[(if $line[0] == "curl" then 5 else 3 end):] | join(" ")) else . end);

# verdict($result): {good, why} of an item.
def verdict($result):
	.check as $check
	| if $check.kind == "tcp" then {good: ($result.connected > 0), why: $result.text}
	  elif $check.kind | IN("http", "https") then
		if $result.status != 0 then {good: false, why: ($result.text | if . == "" then "curl: error \($result.status)" else . end)}
		elif $result.code < $check.expect[0] or $result.code > $check.expect[1] then {good: false, why: "HTTP status \($result.code)"}
		elif $check.match and ($result.matched | not) then {good: false, why: "the answer does not have \($check.match | quoted) in it"}
		else {good: true} end
	  else {good: ($result.status == 0), why: ($result.text | if . == "" then "exit status \($result.status)" else . end)} end;

# times_to_rise: more for one that keeps on falling: after 3, 4, 5 falls within ten minutes it is twice, 4, 8 times as long.
def times_to_rise: .check.rise * pow(2; (.falls | length) - 2 | bounded(0; 3));

# is_changing: its results are others than what it is taken for.
def is_changing: .passes == null or (.passes and .bad > 0) or (.passes == false and .good > 0);

# next_due: after a check: soon if it is changing; else all of an interval at the same moments, so that they are one round.
def next_due($now):
	.check as $check
	| .due = if is_changing then .started + $check.fast else ((.started / $check.interval + 0.001 | floor) + 1) * $check.interval end
	| .due = ([.due, $now] | max);

# judge($result): an item after a check. Without a result nothing was learned: the check itself has failed.
def judge($result; $now):
	.round = null
	| if $result == null then .due = $now + .check.fast
	  else
		verdict($result) as $verdict
		| .falls |= map(select(. > $now - 600))
		| if $verdict.good then .good += 1 | .bad = 0 else .bad += 1 | .good = 0 | .why = $verdict.why end
		| if .passes != true and .good >= times_to_rise then .passes = true | .good = 0
		  elif .passes != false and .bad >= .check.fall then .passes = false | .bad = 0 | .falls = (.falls + [$now])[-10:]
		  else . end
		| if .passes == true then .good = 0 elif .passes == false then .bad = 0 else . end
		| next_due($now)
	  end;

# ---- What becomes of it ----

# by_backend: items -> [[items of one backend]...], in their order.
def by_backend: group_by(.service.id, .backend.id);

# health: of a backend, from its items: all of them must pass.
def health: if any(.[]; .passes == false) then "failed" elif all(.[]; .passes) then "healthy" else "unchecked" end;

# changes: backends whose health is another one than the maps say: as change.jq takes it, and what to say of it.
def changes:
	[.items | by_backend[] | {health: health, item: .[0], bad: (map(select(.passes == false))[0])}
		| select(.health != "unchecked" and .health != .item.backend.health)];

def as_found:
	group_by(.item.service.id)
	| map((.[0].item.service | {protocol, address, port}) + {backends: map({address: .item.backend.address, port: .item.backend.port, health})});

def sentence:
	"\(.item.service.name): backend \(.item.backend | server) "
	+ if .health == "failed" then "HAS FAILED: check \(.bad | .check | check_key): \(.bad.why // "as before")"
	  elif .item.backend.health == "unchecked" then "is healthy" else "is healthy again" end;

# failed_services: names of those that have fewer healthy backends than they need.
def failed_services:
	[.items | group_by(.service.id)[] | {service: .[0].service, of: (by_backend | length),
		left: ([by_backend[] | select(.[0].backend.state == "up" and health != "failed")] | length)}
		| select(.left < ([.service.need, 1] | max)) | {key: .service.name, value: "\(.left) of \(.of) backends are left"}] | from_entries;

def service_sentences:
	failed_services as $failed
	| (.failed | keys[] | select($failed[.] == null) | "\(.): the service is healthy again"),
	  (.failed as $before | $failed | to_entries[] | select($before[.key] == null) | "\(.key): THE SERVICE HAS FAILED: \(.value)");

# ---- The next round ----

# curl_quoted: a word of a file that curl reads.
def curl_quoted: "\"" + (split("\\") | join("\\\\") | split("\"") | join("\\\"")) + "\"";

# url_path: a path as it goes into a URL: what a URL cannot have is encoded.
def url_path: [explode[] | [.] | implode | if test("[A-Za-z0-9._~:/?@!$&'()*+,;=%-]") then . else @uri end] | join("");

# target($road): where an item's probe goes: {address, port}
def target($road):
	if $road == 1 then {address: .service.address, port: (.check.port // .service.port)}
	else {address: .backend.address, port: (.check.port // .backend.port)} end;

def first_port($limits): $limits.first + .probe * $limits.ports;

# curl_lines: one transfer of a file for curl. Nothing is reused from one check to another, or taken from the environment.
def curl_lines($road; $limits; $bodies):
	target($road) as $to | .check as $check
	| (.service | {address, port: ($check.port // .port)}) as $vip
	| (if $check.kind == "tcp"
	   # A protocol in which the server speaks first: curl opens the connection, and sends nothing. What the server then
	   # does, or not, does not matter.
	   then "url = \("pop3://\($to.address):\($to.port)" | curl_quoted)"
	   else
		"url = \("\($check.kind)://\($check.host // $vip.address):\($vip.port)\($check.args[0] | url_path)" | curl_quoted)",
		"connect-to = \("::\($to.address):\($to.port)" | curl_quoted)",
		"http1.1", "header = \"Connection: close\"", "user-agent = \"xdp-lb\"", "path-as-is", "no-sessionid",
		($check.verify // empty | "cacert = \(curl_quoted)"), (select($check.insecure) | "insecure")
	   end),
	  (select($road == 1) | first_port($limits) as $first | "local-port = \($first)-\($first + $limits.ports - 1)"),
	  "globoff", "noproxy = \"*\"", "no-progress-meter", "max-time = \($check.timeout)", "limit-rate = 262144",
	  "output = \(if $check.match then "\($bodies)/body.\(.n)" else "/dev/null" end | curl_quoted)",
	  "write-out = \"%{stderr}curl \(.n) %{exitcode} %{http_code} %{time_connect} %{errormsg}\\n\"";

# run_words: a probe that is a process of its own: for run_probe of probes.sh.
def run_words($road; $limits):
	target($road) as $to
	| [.n, .check.kind, .check.timeout, .service.protocol, .service.address, .service.port, .backend.address, .backend.port,
		$to.address, $to.port, (if $road == 1 then first_port($limits) else 0 end), .check.args[]];

def is_curls: .check.kind | IN("tcp", "http", "https");

# due($now): the items that begin now. Those that share a place in the map of probes take turns.
def due($now):
	([.items[] | select(.round) | {key: (.probe | tostring), value: true}] | from_entries) as $busy
	| [.items[] | select(.round == null and .due <= $now + 0.05 and ($busy[.probe | tostring] | not))] | unique_by(.probe);

# take_results: rounds are finished, and the probes have found this.
def take_results($found; $finished; $now):
	.items |= map(if .round and (.round as $round | any($finished[]; . == $round)) then judge($found[.n | tostring]; $now) else . end);

# begin_round: what is due is being checked from now on.
def begin_round($now):
	(due($now) | map({key: (.n | tostring), value: true}) | from_entries) as $due
	| if $due == {} then .
	  else
		.rounds += 1 | .rounds as $round
		| .items |= map(if $due[.n | tostring] then .round = $round | .started = $now else . end)
	  end;

# round_lines: the round that has just begun.
def round_lines($items; $road; $limits; $bodies):
	"round \(.rounds) \([$items[].check.timeout] | max + 1 | ceil)",
	([$items[] | select(is_curls)] as $curls
		| range(0; $curls | length; 250) as $first
		| "curl", ([$curls[$first:$first + 250][] | [curl_lines($road; $limits; $bodies)]]
			| (.[:-1][] | .[], "next"), .[-1][] | "curl \(.)")),
	($items[] | select(is_curls | not) | "run \(run_words($road; $limits) | @tsv)"),
	([$items[] | select(.check.match)] | group_by(.check.match)[] | "match \([.[0].check.match, .[].n] | @tsv)");

# ---- A turn ----

# turn: lines, each beginning with a word:
#   state JSON              what it knows now; the next turn begins with it
#   next SECONDS            when the next turn is due
#   say TEXT                for the log
#   change JSON             health that is another one now, for change.jq
#   suspect ADDRESS         a backend that did not pass a check, for the first time
#   map BYTES               an entry of the map of probes, as bpftool reads it
#   round N SECONDS         a round begins; after so many seconds it is over. What follows is its:
#   curl LINE               a line of a file for curl; "curl" alone: another file begins
#   run WORD<tab>WORD...    see run_words
#   match TEXT<tab>N...     the answers to these items shall have the text in them
def turn($results; $finished; $now; $road; $limits; $bodies):
	input as $before | input as $config
	| ($before // {items: [], mapped: {}, rounds: 0, serial: 0, failed: {}})
	| take_results($results | found; $finished; $now)
	| (.items | map(select(.bad == 1 and .passes and .round == null) | .backend.address) | unique) as $suspects
	| if $config then take_configuration($config; $now; $limits) else . end
	| changes as $changes
	| [service_sentences] as $sentences
	| .failed = failed_services
	| .rounds as $last | begin_round($now)
	| [.items[] | select(.round and .round > $last)] as $begin
	| [$begin[] | {probe: (.probe | tostring), id: .backend.id}] as $places
	| [.mapped as $mapped | $places[] | select($road == 1 and $mapped[.probe] != .id)] as $unmapped
	| .mapped += ($unmapped | map({key: .probe, value: .id}) | from_entries)
	| "state \(tojson)",
	  "next \([.items[] | select(.round == null) | .due - $now] | min // 3600)",
	  ($changes[] | "say \(sentence)"),
	  ($sentences[] | "say \(.)"),
	  (select($changes != []) | "change \($changes | as_found | tojson)"),
	  ($suspects[] | "suspect \(.)"),
	  (decimal as $byte | $unmapped[] | "map key \(.probe | tonumber | u32($byte))value \(.id | u32($byte))"),
	  (select($begin != []) | round_lines($begin; $road; $limits; $bodies));
