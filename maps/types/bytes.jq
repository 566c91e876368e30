# SPDX-License-Identifier: GPL-2.0-only
# bytes: values from bytes and bytes from values, by the structs that the .sh files of maps/ declare (bytes.sh says
# which types there are).
#
# In: $contract, which bytes.sh prints.
include "address";

def contract: $ARGS.named.contract;

# enum and flag words, as [TYPE, WORD...].
def words($type): contract.enums[$type] // contract.flags[$type];

def size($type):
	if contract.structs[$type] then [contract.structs[$type][] | size(.[1])] | add
	elif words($type) then size(words($type)[0])
	else {u8: 1, u16: 2, u32: 4, u64: 8, be16: 2, address: 16, address6: 16, ipv4: 4, mac: 6, protocol: 1}[$type]
		// ($type | ltrimstr("pad") | ltrimstr("bytes") | tonumber) end;

# ---- From bytes ----

# big_endian: a list of bytes -> their number.
def big_endian: reduce .[] as $byte (0; . * 256 + $byte);
def native: if contract.little == 1 then reverse else . end | big_endian;

# protocol: a number -> its name.
def protocol: {"6": "tcp", "17": "udp"}[tostring] // tostring;

# bits: a number -> the words of its bits.
def bits($words): . as $n | [range($words | length) | select(($n / pow(2; .) | floor) % 2 == 1) as $i | $words[.]];

# of_family: a struct whose addresses are bytes still -> the same with their text, by its field `family`.
def of_family($fields):
	.family as $family
	| reduce ($fields[] | select(.[1] == "address")[0]) as $name (.;
		.[$name] |= (if $family == 6 then . else .[:4] end | address_text));

# decode($type): a list of bytes -> a struct as an object, flags as a list of words, anything else as a value.
def decode($type):
	if contract.structs[$type] then
		. as $bytes
		| reduce contract.structs[$type][] as [$name, $of] ({at: 0, fields: {}};
			($of | size(.)) as $size
			| if $of | startswith("pad") then . else .fields[$name] = ($bytes[.at:.at + $size] | decode($of)) end
			| .at += $size)
		| .fields | of_family(contract.structs[$type])
	elif contract.enums[$type] then native as $n | contract.enums[$type][1 + $n] // $n
	elif contract.flags[$type] then native | bits(contract.flags[$type][1:])
	elif $type == "be16" then big_endian
	elif $type == "ipv4" or $type == "address6" then address_text
	elif $type == "address" then .
	elif $type == "protocol" then .[0] | protocol
	elif $type == "mac" then map("0123456789abcdef"[. / 16 | floor:(. / 16 | floor) + 1] + "0123456789abcdef"[. % 16:. % 16 + 1]) | join(":")
	elif $type | startswith("bytes") then .
	else native end;

# bytes: what bpftool prints of them, ["0x0a"...] -> a list of numbers.
def bytes:
	def digit: if . >= 97 then . - 87 elif . >= 65 then . - 55 else . - 48 end;
	map(explode | (.[2] | digit) * 16 + (.[3] | digit));

# elements($key; $value): a dump of a map -> [{key, value}]
def elements($key; $value): map({key: (.key | bytes | decode($key)), value: (.value | bytes | decode($value))});

# per_cpu($value): a dump of a map of counters -> [{key, and the fields of the struct}], summed over the CPUs.
def per_cpu($value): map({key: (.key | bytes | native)}
	+ ([.values[].value | bytes | decode($value)] | [contract.structs[$value][][0] as $name | {($name): (map(.[$name]) | add)}] | add));

# source, destination: of a connection key, with its port.
def source: .source_port as $port | .source | with_port($port);
def destination: .destination_port as $port | .destination | with_port($port);

# connections: elements of conntrack, or handshakes -> [{protocol, client, vip, lb, backend}]
def connections: map(select(.value.translation.direction == "request") | {
	protocol: .key.protocol, client: (.key | source), vip: (.key | destination),
	lb: (.value.translation | source), backend: (.value.translation | destination)});

# ---- To bytes: the parts that `encoder` of bytes.sh puts together for a struct. $hex is what makes text of a byte: hex
# for printf, "\\x0a\\x00", or decimal for bpftool, "10 0". ----

def hex: "0123456789abcdef" as $d
	| [range(256) | "\\x" + $d[. / 16 | floor:(. / 16 | floor) + 1] + $d[. % 16:. % 16 + 1]];
def decimal: [range(256) | "\(.) "];

def u8($hex): $hex[.];
def be16($hex): $hex[. / 256 % 256] + $hex[. % 256];
def u16($hex): if contract.little == 1 then $hex[. % 256] + $hex[. / 256 % 256] else be16($hex) end;
def u32($hex):
	if contract.little == 1 then $hex[. % 256] + $hex[. / 256 % 256] + $hex[. / 65536 % 256] + $hex[. / 16777216 % 256]
	else $hex[. / 16777216 % 256] + $hex[. / 65536 % 256] + $hex[. / 256 % 256] + $hex[. % 256] end;
# a number of 64 bits, below 2^32
def u64($hex): u32($hex) | if contract.little == 1 then . + $hex[0] * 4 else $hex[0] * 4 + . end;
def ipv4($hex): split(".") | $hex[.[0] | tonumber] + $hex[.[1] | tonumber] + $hex[.[2] | tonumber] + $hex[.[3] | tonumber];
def address6($hex): address_bytes | map($hex[.]) | join("");
def address($hex):
	if is_ipv6 then address6($hex)
	else
		$hex[0] as $zero
		| ipv4($hex) + $zero + $zero + $zero + $zero + $zero + $zero + $zero + $zero + $zero + $zero + $zero + $zero
	end;
def bytes($hex): map($hex[.]) | join("");
