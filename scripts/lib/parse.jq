# SPDX-License-Identifier: GPL-2.0-only
# parse: reads services and backends as people write them: the command line, and the files of save.
#
#   service PROTOCOL VIP:PORT [sticky] [maglev|hash] [slots N|auto] [need N] [strict|open] [quic BYTES|off]
#           [limit RATE [per /BITS]|none] [fallback ADDRESS[:PORT]|none]
#     client allow|deny PREFIX...                          of the service above it, see clients.jq
#     check KIND ...                                       of the service above it, see checks.jq
#     backend ADDRESS[:PORT] [weight N] [up|down] [id HEX] of the service above it
#
# In:  a text; $max_slots
# Out: [{protocol, address, port, sticky, filling, slots, need, strict, quic, limit: {rate, bits}, fallback: {address, port}, clients: [see clients.jq],
#      checks: [see checks.jq], line, backends: [{address, port, weight, state, server_id, line}]}]: port 0 is every port, null is what was not
#      said; slots 0 is auto, quic 0 is off, a fallback without an address is none. Or an error of words.jq, with the line.
include "words";
include "address";
include "checks";
include "clients";
include "quic";

# limit($per): words from "limit" on; "/BITS" or null.
def limit($per):
	(.[1] // usage("how many new connections a second? limit RATE, or limit none")) as $rate
	| {limit: (if $rate == "none" then {rate: 0} else {rate: ($rate | number("number of connections a second"; 1; 1000000))} end
		| .bits = if $per then $per | ltrimstr("/") | number("length of a prefix"; 1; 128) else null end)};

# service_options, backend_options: words -> what they say, one after the other.
def service_options:
	.[0] as $word
	| if $word == null then {}
	  elif $word == "sticky" then {sticky: true} + (.[1:] | service_options)
	  elif $word == "maglev" or $word == "hash" then {filling: $word} + (.[1:] | service_options)
	  elif $word == "slots" then
		{slots: (.[1] // usage("how many slots?")
			| if . == "auto" then 0 else number("number of slots"; 1; $ARGS.named.max_slots | tonumber) end)}
		+ (.[2:] | service_options)
	  elif $word == "need" then
		{need: (.[1] // usage("how many healthy backends does it need?") | number("number of backends"; 1; 1024))} + (.[2:] | service_options)
	  elif $word == "strict" or $word == "open" then {strict: ($word == "strict")} + (.[1:] | service_options)
	  elif $word == "quic" then
		{quic: (.[1] // usage("of how many bytes are the server ids? quic BYTES, or quic off")
			| if . == "off" then 0 else number("number of bytes"; 1; 4) end)} + (.[2:] | service_options)
	  elif $word == "limit" and .[2] == "per" then limit(.[3] // usage("per prefix of which length? limit RATE per /24")) + (.[4:] | service_options)
	  elif $word == "limit" then limit(null) + (.[2:] | service_options)
	  elif $word == "fallback" then {fallback: (.[1] // usage("which fallback?"))} + (.[2:] | service_options)
	  else usage("unexpected word '\($word)'") end;

def backend_options:
	.[0] as $word
	| if $word == null then {}
	  elif $word == "weight" then
		{weight: (.[1] // usage("which weight?") | number("weight"; 0; 65535))} + (.[2:] | backend_options)
	  elif $word == "up" or $word == "down" then {state: $word} + (.[1:] | backend_options)
	  elif $word == "id" then {server_id: (.[1] // usage("which id?") | server_id_word)} + (.[2:] | backend_options)
	  else usage("unexpected word '\($word)'") end;

# server_of($service): ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT -> {address, port}
def server_of($service):
	. as $server | address_and_port as [$address, $port]
	| if $service.port == 0 and $port
	  then refuse("'\($server)' has a port; a service of every port keeps the client's: give the address alone") else . end
	| ($address | address) as $address
	| if $address == $service.address then refuse("\($address) is the VIP; give the backend's own address") else . end
	| {$address, port: (if $port then $port | port else $service.port end)};

# vip_of: VIP:PORT or [VIP]:PORT -> {address, port}
def vip_of:
	. as $vip | address_and_port as [$address, $port]
	| if $port then {address: ($address | address), port: ($port | if . == "any" then 0 else port end)}
	  elif $address | is_ipv6 | not then refuse("'\($vip)' has no port; write VIP:PORT, like 192.168.178.15:8000, or VIP:any")
	  elif startswith("[") then refuse("'\($vip)' has no port; write [VIP]:PORT, like [2001:db8::15]:8000, or [VIP]:any")
	  elif $address | ipv6_groups
	  then refuse("'\($vip)' has no port, or it cannot be told from the address; write [ADDRESS]:PORT, like [2001:db8::15]:8000")
	  else refuse("'\($vip)' is not understood; write VIP:PORT, like 192.168.178.15:8000 or [2001:db8::15]:8000") end;

# service: from its words.
def service:
	.[0] as $protocol | .[1] as $vip
	| if length < 2 then usage("a service is PROTOCOL VIP:PORT, like: tcp 192.168.178.15:8000") else . end
	| if $protocol == "tcp" or $protocol == "udp" then . else refuse("'\($protocol)' is no protocol; take tcp or udp") end
	| {$protocol} + ($vip | vip_of) + {sticky: false, filling: null, slots: null, need: null, strict: null, quic: null, limit: null, fallback: null, clients: [], checks: []}
		+ (.[2:] | service_options)
	| if .limit then (if .address | is_ipv6 then [56, 128] else [24, 32] end) as [$usual, $most]
		| .limit.bits |= (if . == null then $usual elif . > $most then "\(.)" | number("length of a prefix"; 1; $most) else . end) else . end
	| if .quic and .quic > 0 and .protocol != "udp" then refuse("QUIC is UDP, and \(name) is not") else . end
	| . as $service
	| if .fallback == "none" then .fallback = {} elif .fallback then .fallback |= server_of($service) else . end
	| if .filling != "hash" and .slots and (.slots | suits_maglev | not)
	  then refuse("Maglev cannot fill \(.slots) slots; take 1024, 16384 or another power of two, or a prime number") else . end;

# backend: from its words, and the service that it is for.
def backend($service):
	if .[0] == null then usage("which backend? Its ADDRESS is missing") else . end
	| (.[0] | server_of($service)) + {weight: null, state: null, server_id: null} + (.[1:] | backend_options);

# words: a text -> the words of each line, without comments.
def words:
	reduce ("\t", "\r") as $blank (.; split($blank) | join(" "))
	| split("\n") | to_entries
	| map(.key as $i | .value | if contains("\"") then line($i + 1; words_of_line) else words_of_line end
		| if .[0] and (.[0] | startswith("#")) then [] else . end);

# no_line: a line that begins with something else.
def no_line: refuse("unexpected word '\(.[0])'. A line begins with service, client, check, backend, or #");

def parse:
	words as $lines
	| [range($lines | length) | select($lines[.][0] == "service")] as $starts
	| (range($starts[0] // ($lines | length)) as $i | $lines[$i] | select(. != [])
		| line($i + 1; if .[0] | IN("backend", "check", "client") then refuse("a \(.[0]) comes after its service")
			else no_line end)),
	[range($starts | length) as $n
		| $starts[$n] as $start
		| line($start + 1; $lines[$start][1:] | service) as $service
		| [range($start + 1; $starts[$n + 1] // ($lines | length)) as $i
			| $lines[$i] | select(. != [])
			| line($i + 1; if .[0] == "backend" then .[1:] | backend($service) + {line: ($i + 1)}
				elif .[0] == "check" then {check: (.[1:] | check($service))}
				elif .[0] == "client" then {clients: (.[1:] | clients($service))}
				else no_line end)] as $parts
		| $service + {clients: [$parts[] | .clients // empty | .[]], checks: [$parts[] | .check // empty], line: ($start + 1),
			backends: [$parts[] | select(.check or .clients | not)]}];

# parse_text: the same, on a line of its own, for change.jq; an error as {status, text, line}.
def parse_text: attempt(parse) | if type == "array" then .[0] else . end;
