# SPDX-License-Identifier: GPL-2.0-only
# settings: the words of lb set, lb nat set, lb decap set and lb drain.
#
# In:  a list of words
# Out: what they say, as an object with the fields of struct load_balancer, nat or decap_settings; or an error of words.jq.
#      Of flags, it has those that are named: {debug: true}, and false for one that shall be off.
include "words";
include "address";

# pairs(f): a list NAME VALUE NAME VALUE... -> what f makes of each, {name, value}, all in one.
def pairs(f):
	if . == [] then {}
	elif length == 1 then usage("'\(.[0])' needs a value")
	else ({name: .[0], value: .[1]} | f) * (.[2:] | pairs(f)) end;

# hex_bytes: pairs of hex digits -> a list of numbers.
def hex_bytes:
	ascii_downcase | explode | map(if . >= 97 then . - 87 else . - 48 end)
	| [range(0; length; 2) as $i | .[$i] * 16 + .[$i + 1]];

# own: the field of a family: address6 for IPv6.
def own($name; $address): $name + if $address | is_ipv6 then "6" else "" end;

# source_words: what outer packets come from: a prefix, or none, which means our own address.
def source_words:
	if . == "none" then {source: "0.0.0.0", source_bits: 0, source6: "::", source6_bits: 0}
	else prefix | {(own("source"; .address)): .address, (own("source"; .address) + "_bits"): .bits} end;

def load_balancer_words:
	pairs(
		if .name == "address" then .value | address | {(own("address"; .)): .}
		elif .name == "source" then .value | source_words
		elif .name == "port" then {port: (.value | if . == "default" then 0 else port end)}
		elif .name == "key" then
			if .value | test("^[0-9a-fA-F]{64}$") then {hash_key: (.value | hex_bytes)}
			else refuse("'\(.value)' is no key; 32 bytes in hex are 64 digits, like those of: od -An -N32 -tx8 -w32 /dev/urandom | tr -d ' '") end
		elif .name == "debug" then
			if .value | IN("on", "off") then {flags: {debug: (.value == "on")}} else usage("debug is on or off") end
		elif .name == "announce" then
			if .value | IN("off", "withdraw", "worse")
			then {flags: {announce: (.value != "off"), worse: (.value == "worse")}}
			else usage("announce is off, withdraw or worse") end
		elif .name == "window" then {window: (.value | number("number of seconds"; 0; 9999999))}
		else usage("unexpected word '\(.name)'") end);

# set_to($changes): the settings with these changes: flags that are not named stay.
def set_to($changes):
	.flags as $flags | . + $changes
	| if $changes.flags
	  then .flags = ([$flags[] | select($changes.flags[.] == null)] + [$changes.flags | to_entries[] | select(.value).key])
	  else . end;

# load_balancer_json: the settings without what is the maps' own business.
def source_json($bits): if $bits == 0 then null else {address: ., bits: $bits} | prefix_text end;
def load_balancer_json:
	.source_bits as $bits | .source6_bits as $bits6
	| .source |= source_json($bits) | .source6 |= source_json($bits6) | del(.source_bits, .source6_bits);

# load_balancer_lines: of load_balancer_json, for people: what is not set is left out.
def load_balancer_lines:
	([.address, "0.0.0.0"], [.address6, "::"] | select(.[0] != .[1]) | "address \(.[0])"),
	(.source, .source6 | values | "source \(.)"),
	(select(.port > 0) | "port \(.port)"),
	"window \(.window) s",
	"debug \(if .flags | index("debug") then "on" else "off" end)",
	(select(.flags | index("announce")) | "announce \(if .flags | index("worse") then "worse" else "withdraw" end)"),
	(select(.flags | index("draining")) | "draining");

# drain_words: how long lb drain waits, and after how many seconds without a packet this machine is idle.
def drain_words:
	{wait: 0, idle: 5} + pairs(
		if .name == "wait" then {wait: (.value | number("number of seconds"; 1; 9999999))}
		elif .name == "idle" then {idle: (.value | number("number of seconds"; 1; 9999))}
		else usage("unexpected word '\(.name)'; write: lb drain [wait SECONDS] [idle SECONDS], or: lb drain off") end);

def nat_words:
	pairs(
		if .name == "ports" then
			.value as $range
			| if $range | test("^[0-9]+-[0-9]+$") then $range | split("-") | map(port)
			  else refuse("'\($range)' is no range of ports; write FIRST-LAST, like 10000-65535") end
			| if .[0] > .[1] then refuse("'\($range)' is no range of ports; the first is after the last") else . end
			| {first_port: .[0], last_port: .[1]}
		elif .name | IN("handshake", "established", "closing", "udp") then
			{(.name): (.value | number("number of seconds"; 1; 9999999))}
		else usage("unexpected word '\(.name)'") end);

def decap_settings_words:
	pairs(
		if .name == "cookies" then {cookies: (.value | if . == "off" then 0 else number("number of SYNs a second"; 1; 4294967295) end)}
		else usage("unexpected word '\(.name)'. Write: lb decap set cookies N, or: lb decap set cookies off") end);
