# SPDX-License-Identifier: GPL-2.0-only
# watch: the mind of lb watch: it hears what has happened, and says what is to be done. It runs as long as lb watch does:
# what it knows is in no other place.
#
# In:  lines: "configuration JSON", what configuration.jq has of the services with checks, if it is another one than before;
#      "results LINE<tab>LINE...", what the probes of finished rounds have printed, see heard; and then
#      "turn SECONDS N...": the time since boot, and the rounds that are over. $road: 1 if probes go to the VIP (see
#      probes.sh), 0 if to the backends; $limits: {first, ports, probes, here4, here6}, see
#      maps/probes.h and probes.sh; $folder: for answers
# Out: lines for each turn, see said
#
# An item is one check of one backend: {service, backend, check, key, n: its number, probe: its place in the map of probes,
# passes: true, false, or null until it is known; good, bad: how many results in a row; falls: when it failed; due: when it
# is checked next; round: in which it is being checked, or null; started}
include "words";
include "address";
include "checks";
include "bytes";

def bounded($low; $high): [[., $low] | max, $high] | min;

# ---- How it is checked ----

# curl_quoted: a word of a file that curl reads.
def curl_quoted: "\"" + (split("\\") | join("\\\\") | split("\"") | join("\\\"")) + "\"";

# url_path: a path as it goes into a URL: what a URL cannot have is encoded.
def url_path: [explode[] | [.] | implode | if test("[A-Za-z0-9._~:/?@!$&'()*+,;=%-]") then . else @uri end] | join("");

# target($road): where an item's probe goes: {address, port}
def target($road):
	if $road == 1 then {address: .service.address, port: (.check.port // .service.port)}
	else {address: .backend.address, port: (.check.port // .backend.port)} end;

def endpoint: .port as $port | .address | with_port($port);

def first_port($limits): $limits.first + .probe * $limits.ports;

# from_here($road; $limits): the address that a probe has to come from, if its backend is this machine; or null.
def from_here($road; $limits):
	if $road == 1 and .backend.local then (if .service.address | is_ipv6 then $limits.here6 else $limits.here4 end) else null end;

# curl_lines: one transfer of a file for curl. Nothing is reused from one check to another, or taken from the environment.
def curl_lines($road; $limits; $folder):
	target($road) as $to | .check as $check
	| (.service | {address, port: ($check.port // .port)}) as $vip
	| (if $check.kind == "tcp"
	   # A protocol in which the server speaks first: curl opens the connection, and sends nothing. What the server then
	   # does, or not, does not matter.
	   then "url = \("pop3://\($to | endpoint)" | curl_quoted)"
	   else
		"url = \("\($check.kind)://\($check.host // $vip.address | with_port($vip.port))\($check.args[0] | url_path)" | curl_quoted)",
		"connect-to = \("::\($to | endpoint)" | curl_quoted)",
		"http1.1", "header = \"Connection: close\"", "user-agent = \"xdp-lb\"", "path-as-is", "no-sessionid",
		($check.verify // empty | "cacert = " + curl_quoted), (select($check.insecure) | "insecure")
	   end),
	  (select($road == 1) | first_port($limits) as $first | "local-port = \($first)-\($first + $limits.ports - 1)"),
	  (from_here($road; $limits) // empty | "interface = \("host!\(.)" | curl_quoted)"),
	  "silent", "globoff", "noproxy = \"*\"", "no-progress-meter", "max-time = \($check.timeout)", "limit-rate = 262144",
	  "output = \(if $check.match then "\($folder)/body.\(.n)" else "/dev/null" end | curl_quoted)",
	  "write-out = \"%{stderr}curl \(.n) %{exitcode} %{http_code} %{time_connect} %{time_total} %{errormsg}\\n\"";

# run_words: a probe that is a process of its own: for run_probe of probes.sh.
def run_words($road; $limits):
	target($road) as $to
	| [.n, .check.kind, .check.timeout, .service.protocol, .service.address, .service.port, .backend.address, .backend.port,
		$to.address, $to.port, (from_here($road; $limits) // "-"), (if $road == 1 then first_port($limits) else 0 end), .check.args[]];

def is_curls: .check.kind | IN("tcp", "http", "https");

# order: what is to be done to check an item: a transfer of a file for curl, or the words of run_words. It is the same in
# each round.
def order($road; $limits; $folder):
	if is_curls then [curl_lines($road; $limits; $folder)] | join("\n") else run_words($road; $limits) | @tsv end;

# ---- What is to be checked ----

# probe_for($taken): the lowest place that nobody has; if all are taken, two items share one, and take turns.
def probe_for($taken; $serial; $limits): first(range($limits.probes) | select($taken[tostring] | not)) // ($serial % $limits.probes);

# wanted: an item for each check of each backend.
def wanted:
	.[] | {service: {protocol, address, port, id, need, name: name}, checks, backends} | . as $it
	| .backends[] | {id, address, port, state, health, local: ((.flags // []) | index("local") != null)} as $backend
	| $it.checks[] | {service: $it.service, backend: $backend, check: timing,
		key: "\($it.service.name) \($backend | server) \(check_key)"};

# take_configuration($config): the items that shall be; those that were there keep what is known of them.
def take_configuration($config; $now; $road; $limits; $folder):
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
	| .items |= map(.order as $before | .order = order($road; $limits; $folder) | .is_new = .order != $before)
	| del(.taken);

# ---- What the probes have found ----

# heard: lines of probes -> {N: what is said of that item}
#   curl N STATUS CODE CONNECTED TOOK TEXT   curl's exit status, the HTTP status, the seconds until the connection was
#                                            open, and until the end
#   ran N STATUS TOOK TEXT                   the exit status of another probe
#   matched N                                the answer has the text in it that it shall have
def heard:
	reduce (.[] | split(" ")) as $words ({};
		if $words[0] == "curl" and ($words[1:6] | length == 5 and all(.[]; test("^[0-9.]+$"))) then
			.[$words[1]] += {status: $words[2], code: ($words[3] | tonumber), connected: ($words[4] | tonumber),
				took: ($words[5] | tonumber), text: ($words[6:] | join(" "))}
		elif $words[0] == "ran" and ($words | length) > 3 then
			.[$words[1]] += {status: $words[2], took: ($words[3] | tonumber? // 0), text: ($words[4:] | join(" "))}
		elif $words[0] == "matched" then .[$words[1]].matched = true
		else . end);

# verdict($result): {good, why} of an item.
def verdict($result):
	.check as $check
	| if $check.kind == "tcp" then {good: ($result.connected > 0), why: $result.text}
	  elif $result.status != "0" then {good: false, why: ($result.text | if . == "" then "exit status \($result.status)" else . end)}
	  elif $result.code and ($result.code < $check.expect[0] or $result.code > $check.expect[1])
	  then {good: false, why: "HTTP status \($result.code)"}
	  elif $check.match and ($result.matched | not) then {good: false, why: "the answer does not have \($check.match | quoted) in it"}
	  else {good: true} end;

# times_to_rise: more for one that keeps on falling: after 3, 4, 5 falls within ten minutes it is twice, 4, 8 times as long.
def times_to_rise: .check.rise * pow(2; (.falls | length) - 2 | bounded(0; 3));

# is_changing: its results are others than what it is taken for.
def is_changing: .passes == null or (.passes and .bad > 0) or (.passes == false and .good > 0);

# next_due: when it is checked again: soon if it is changing; else all of an interval at the same moments, so that they are
# one round.
def next_due($now):
	.check as $check
	| (if is_changing then .started + $check.fast else ((.started / $check.interval + 0.001 | floor) + 1) * $check.interval end)
	| if . < $now then $now else . end;

# took($result): how long the check took. One of a connection is over when that is open.
def took($result): if .check.kind == "tcp" and $result.connected > 0 then $result.connected else $result.took end;

# judge($result): an item after a check. Without a result nothing was learned: the check itself has failed.
def judge($result; $now):
	if $result == null then . + {round: null, due: ($now + .check.fast)}
	else
		verdict($result) as $verdict
		| .took = took($result) | .good_now = $verdict.good
		| if $verdict.good and .passes and .bad == 0 then . # as nearly always
		  else
			.falls |= map(select(. > $now - 600))
			| if $verdict.good then .good += 1 | .bad = 0 else .bad += 1 | .good = 0 | .why = $verdict.why end
			| if .passes != true and .good >= times_to_rise then .passes = true | .good = 0
			  elif .passes != false and .bad >= .check.fall then .passes = false | .bad = 0 | .falls = (.falls + [$now])[-10:]
			  else . end
			| if .passes == true then .good = 0 elif .passes == false then .bad = 0 else . end
		  end
		| . + {round: null, due: next_due($now)}
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

# say($priority; $fields): a text -> a line for the log, see log.sh.
def say($priority; $fields):
	"say " + ([$priority, ., ($fields | to_entries[] | "\(.key)=\(.value)")] | map(tostring | gsub("[\t\n]"; " ")) | join("\t"));

def sentence:
	(.bad | if . then "check \(.check | check_key): \(.why // "as before")" else "its checks pass" end) as $why
	| {SERVICE: .item.service.name, BACKEND: (.item.backend | server), OLD: .item.backend.health, NEW: .health, WHY: $why} as $fields
	|	 "\(.item.service.name): backend \(.item.backend | server) "
	+ if .health == "failed" then "HAS FAILED: \($why)"
	  elif .item.backend.health == "unchecked" then "is healthy" else "is healthy again" end
	| say(if $fields.NEW == "failed" then 4 else 5 end; $fields);

# failed_services: names of those that have fewer healthy backends than they need.
def failed_services:
	[.items | group_by(.service.id)[] | {service: .[0].service, of: (by_backend | length),
		left: ([by_backend[] | select(.[0].backend.state == "up" and health != "failed")] | length)}
		| select(.left < ([.service.need, 1] | max)) | {key: .service.name, value: "\(.left) of \(.of) backends are left"}] | from_entries;

def service_sentences:
	failed_services as $failed
	| (.failed | keys[] | select($failed[.] == null) | {SERVICE: ., OLD: "failed", NEW: "healthy", WHY: "enough backends are healthy"} as $fields
		| "\(.): the service is healthy again" | say(5; $fields)),
	  (.failed as $before | $failed | to_entries[] | select($before[.key] == null) | {SERVICE: .key, OLD: "healthy", NEW: "failed", WHY: .value} as $fields
		| "\(.key): THE SERVICE HAS FAILED: \(.value)" | say(2; $fields));

# durations($now): every ten seconds, how long the last checks took: "ID SECONDS PASSED CHECK" of each, for lb metrics. The
# text of the check is as Prometheus reads it.
def durations($now):
	if $now < .told_at + 10 then []
	else [.items[] | select(.took) | "\(.backend.id) \(.took) \(if .good_now then 1 else 0 end) \(.check | check_key | tojson[1:-1])"] end;

# ---- The next round ----

# due($now): the items that begin now. Those that share a place in the map of probes take turns.
def due($now):
	([.items[] | select(.round) | {key: (.probe | tostring), value: true}] | from_entries) as $busy
	| [.items[] | select(.round == null and .due <= $now + 0.05 and ($busy[.probe | tostring] | not))] | unique_by(.probe);

# begin_round: what is due is being checked from now on.
def begin_round($now):
	([due($now)[] | {key: (.n | tostring), value: true}] | from_entries) as $due
	| if $due == {} then .
	  else
		.rounds += 1 | .rounds as $round
		| .items |= map(if $due[.n | tostring] then . + {$round, started: $now} else . end)
	  end;

# round_lines: the round that has just begun: one curl for up to 250 transfers, and the rest.
def round_lines($items):
	"round \(.rounds) \([$items[].check.timeout] | max + 1 | ceil)",
	([$items[] | select(is_curls) | .n] | range(0; length; 250) as $first | "curl \(.[$first:$first + 250] | map(tostring) | join(" "))"),
	([$items[] | select(is_curls | not) | .n | tostring] | select(. != []) | "run \(join(" "))"),
	([$items[] | select(.check.match)] | group_by(.check.match)[] | "match \([.[0].check.match, .[].n] | @tsv)");

# ---- A turn ----

# turn: what is known after it, and in it .said, lines that begin with a word:
#   next SECONDS            since boot: when the next turn is due
#   say N<tab>TEXT<tab>...  for the log: priority, text, FIELD=VALUE
#   change JSON             health that is another one now, for change.jq
#   took LINE<tab>LINE...   see durations
#   suspect ADDRESS         a backend that did not pass a check, for the first time
#   map BYTES               an entry of the map of probes, as bpftool reads it
#   order N TEXT            what is to be done for an item from now on, see order; written as @tsv does
#   round N SECONDS         a round begins; after so many seconds it is over. What follows is its:
#   curl N...               these items are one curl's
#   run N...                these are probes of other kinds
#   match TEXT<tab>N...     the answers to these items shall have the text in them
#   end
def turn($now; $finished; $road; $limits; $folder):
	.results as $results | .configuration as $configuration
	| .items |= map(if .round and (.round as $round | any($finished[]; . == $round)) then judge($results[.n | tostring]; $now) else . end)
	| ([.items[] | select(.bad == 1 and .passes and .round == null) | .backend.address] | unique) as $suspects
	| if $configuration then take_configuration($configuration; $now; $road; $limits; $folder) else . end
	| changes as $changes
	| [service_sentences] as $sentences
	| .failed = failed_services
	| durations($now) as $durations | if $durations != [] then .told_at = $now else . end
	| .rounds as $last | begin_round($now)
	| [.items[] | select(.round and .round > $last)] as $begin
	| [.mapped as $mapped | $begin[] | select($road == 1 and $mapped[.probe | tostring] != .backend.id)] as $unmapped
	| .mapped += ($unmapped | map({key: (.probe | tostring), value: .backend.id}) | from_entries)
	| . + {results: {}, configuration: null, said: [
		"next \([.items[] | select(.round == null) | .due] | min // ($now + 3600) | . * 100 | ceil / 100)",
		$sentences[], # first: of a burst, only the first few lines are written
		($changes[] | sentence),
		(select($changes != []) | "change \($changes | as_found | tojson)"),
		($suspects[] | "suspect \(.)"),
		(select($durations != []) | "took \($durations | join("\t"))"),
		(decimal as $byte | $unmapped[] | "map key \(.probe | u32($byte))value \(.backend.id | u32($byte))"),
		(select($configuration) | .items[] | select(.is_new) | "order \(.n) \([.order] | @tsv)"),
		(select($begin != []) | round_lines($begin)),
		"end"]};

# hear($line): what is known after a line of the input.
def hear($line; $road; $limits; $folder):
	.said = null
	| if $line | startswith("turn ") then
		($line | split(" ") - [""] | .[1:] | map(tonumber)) as $numbers | turn($numbers[0]; $numbers[1:]; $road; $limits; $folder)
	  elif $line | startswith("configuration ") then .configuration = ($line[14:] | fromjson)
	  elif $line | startswith("results ") then .results = ($line[8:] | split("\t") | heard)
	  else . end;

def watch($road; $limits; $folder):
	foreach inputs as $line ({items: [], mapped: {}, rounds: 0, serial: 0, failed: {}, results: {}, told_at: 0};
		hear($line; $road; $limits; $folder); .said | values | join("\n"));
