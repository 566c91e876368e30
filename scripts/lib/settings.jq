# SPDX-License-Identifier: GPL-2.0-only
# settings: the words of lb set and lb nat set.
#
# In:  a list of words
# Out: what they say, as an object with the fields of struct load_balancer, or of struct nat; or an error of words.jq
include "words";

# pairs(f): a list NAME VALUE NAME VALUE... -> what f makes of each, {name, value}, added up.
def pairs(f):
	if . == [] then {}
	elif length == 1 then usage("'\(.[0])' needs a value")
	else ({name: .[0], value: .[1]} | f) + (.[2:] | pairs(f)) end;

# hex_bytes: pairs of hex digits -> a list of numbers.
def hex_bytes:
	ascii_downcase | explode | map(if . >= 97 then . - 87 else . - 48 end)
	| [range(0; length; 2) as $i | .[$i] * 16 + .[$i + 1]];

def load_balancer_words:
	pairs(
		if .name == "address" then {address: (.value | address)}
		elif .name == "key" then
			if .value | test("^[0-9a-fA-F]{64}$") then {hash_key: (.value | hex_bytes)}
			else refuse("'\(.value)' is no key; 32 bytes in hex are 64 digits, like those of: od -An -N32 -tx8 -w32 /dev/urandom | tr -d ' '") end
		elif .name == "debug" then
			if .value == "on" then {flags: ["debug"]} elif .value == "off" then {flags: []}
			else usage("debug is on or off") end
		elif .name == "window" then {window: (.value | number("number of seconds"; 0; 9999999))}
		else usage("unexpected word '\(.name)'") end);

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
