# SPDX-License-Identifier: GPL-2.0-only
# address: IP addresses of both families, as text, as bytes, and in order. A text with a colon is IPv6.
#
# An IPv6 address has many texts. All that is read is brought into one of them (RFC 5952), so that text can be compared:
# lower case, no leading zeros, and :: for the longest run of zeros.

def is_ipv6: contains(":");
def family: if is_ipv6 then 6 else 4 end;

# hex_number: 1 to 4 hex digits -> their number; null: it is none.
def hex_number:
	if length < 1 or length > 4 then null
	else
		reduce explode[] as $c (0; if . == null then null elif $c >= 48 and $c <= 57 then . * 16 + $c - 48
			elif $c >= 97 and $c <= 102 then . * 16 + $c - 87 elif $c >= 65 and $c <= 70 then . * 16 + $c - 55 else null end)
	end;

# octet: a number from 0 to 255 without leading zeros; null: it is none.
def octet: . as $word | ([tonumber?][0] // -1) as $n | if $n >= 0 and $n <= 255 and ($n | tostring) == $word then $n else null end;

# dotted: an IPv4 address at the end of an IPv6 one -> its two groups.
def dotted:
	split(".") | map(octet)
	| if length == 4 and all(. != null) then [.[0] * 256 + .[1], .[2] * 256 + .[3]] else [null] end;

# groups: the part before or behind :: -> a list of numbers, among them null for what is none.
def groups:
	if . == "" then [] else split(":") | (.[:-1] | map(hex_number)) + (.[-1] | if contains(".") then dotted else [hex_number] end) end;

# ipv6_groups: any text of an IPv6 address -> its 8 numbers of 16 bits; null: it is none.
def ipv6_groups:
	split("::")
	| if length == 1 then .[0] | groups
	  elif length == 2 then
		(.[0] | if contains(".") then [null] else groups end) as $head | (.[1] | groups) as $tail
		| $head + [range(8 - ($head | length) - ($tail | length)) | 0] + $tail
		| if ($head | length) + ($tail | length) > 7 then [null] else . end
	  else [null] end
	| if length == 8 and all(. != null) then . else null end;

# hex_text: a number below 65536 -> its hex digits.
def digit: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"][.];
def hex_text: if . < 16 then digit else (. / 16 | floor | hex_text) + (. % 16 | digit) end;

# ipv6_text: 8 groups -> text as in RFC 5952: :: for the longest run of zeros, the first one of those of a length. What is
# an IPv4 address (::ffff:0:0/96) ends in one.
def ipv6_text:
	if .[:6] == [0, 0, 0, 0, 0, 65535]
	then "::ffff:" + (.[6:] | map((. / 256 | floor), . % 256 | tostring) | join("."))
	else
		":\(map(hex_text) | join(":")):" as $text
		| first(((8, 7, 6, 5, 4, 3, 2 | ":" + "0:" * .) as $zeros | $text | index($zeros) as $at | select($at)
			| .[:$at] + "::" + .[$at + ($zeros | length):]), $text)
		| (if startswith("::") then . else .[1:] end) | if endswith("::") then . else .[:-1] end
	end;

# address_bytes, address_text: text -> 4 or 16 bytes, and back.
def address_bytes:
	if is_ipv6 then ipv6_groups | map((. / 256 | floor), . % 256) else split(".") | map(tonumber) end;
def address_text:
	if length == 4 then map(tostring) | join(".")
	else . as $bytes | [range(0; 16; 2) | $bytes[.] * 256 + $bytes[. + 1]] | ipv6_text end;

# by_address: what addresses are sorted by, as xdp_maglev does it (headers/maglev/order.h): their 16 bytes.
def by_address:
	if is_ipv6 then ipv6_groups | map((. / 256 | floor), . % 256)
	else (split(".") | map(tonumber)) + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] end;

# with_port($port): an address with a port behind it, as in [2001:db8::15]:80.
def with_port($port): if is_ipv6 then "[\(.)]:\($port)" else "\(.):\($port)" end;

# prefix_text: of {address, bits}: one address is written without its length.
def prefix_text: if .bits == (if .address | is_ipv6 then 128 else 32 end) then .address else "\(.address)/\(.bits)" end;
