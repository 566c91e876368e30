# SPDX-License-Identifier: GPL-2.0-only
# quic: the server ids that backends of a QUIC service have in its connection ids (headers/lb/quic.h).
#
# In:  a backend, with server_id: hex digits, or null if nobody has chosen them; $bytes: how many an id has
# Out: one with its server_id: then it is the end of its address
include "words";
include "address";

def hex_of($digits): . as $n | [range($digits) | ($n / pow(16; $digits - 1 - .) | floor) % 16 | digit] | join("");
def hex_to_number: reduce explode[] as $c (0; . * 16 + $c - if $c >= 97 then 87 else 48 end);

# derived_id($bytes): what it is if nobody has chosen another one.
def derived_id($bytes): .address | address_bytes | .[-$bytes:] | map(hex_of(2)) | join("");

# server_id_word: HEX -> the same in lower case.
def server_id_word:
	. as $word | ascii_downcase
	| if test("\\A([0-9a-f][0-9a-f]){1,4}\\z") then . else refuse("'\($word)' is no server id; write 1 to 4 bytes as hex digits, like 0a2b") end;

# with_server_id($bytes): the backend with the one that it has.
def with_server_id($bytes): if $bytes > 0 then .server_id //= derived_id($bytes) else . end;

# chosen_id($bytes): the one that somebody has chosen, or null.
def chosen_id($bytes): if .server_id == derived_id($bytes) then null else .server_id end;

# check_server_ids: what is wrong with those of a service, whose backends have all of theirs.
def check_server_ids:
	.quic as $bytes
	| ([.backends[] | select(.server_id and (.server_id | length) != 2 * $bytes)][0]) as $other
	| ([.backends[] | select(.server_id)] | group_by(.server_id) | map(select(length > 1))[0]) as $twins
	| if $other and $bytes == 0 then refuse("\(name) has no server ids; say first: lb service set \(name) quic BYTES")
	  elif $other then refuse("server id \($other.server_id) of \($other | server) has \($other.server_id | length / 2) bytes; those of \(name) have \($bytes)")
	  elif $twins then refuse("\($twins[0] | server) and \($twins[1] | server) of \(name) would both have server id \($twins[0].server_id); give one of them another: id HEX")
	  else . end;
