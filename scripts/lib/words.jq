# SPDX-License-Identifier: GPL-2.0-only
# words: checks the words that people write, and says what is wrong with them.
#
# In:  a word
# Out: its value; or an error, {status, text}: status 1 for a word that cannot be, 2 for one that is missing or
#      not understood.
include "address";

def refuse($text): error({status: 1, text: $text});
def usage($text): error({status: 2, text: $text});

# words_of_line: its words. A word in double quotes is a JSON string: it may have blanks, \" and \n in it. What follows a
# word # is a comment.
def words_of_line:
	if contains("\"") | not then split(" ") - [""] | .[:index("#") // length]
	elif test("^ *#") then []
	else
		# one word after the other, up to the end or a comment
		def more:
			ltrimstr(" ") as $rest
			| if $rest != . then $rest | more
			  elif . == "" or . == "#" or startswith("# ") then empty
			  else
				([match("\\A(?:\"(?:[^\"\\\\]|\\\\.)*\"|[^ \"]+)(?= |\\z)").string][0]) as $word
				| if $word == null then refuse("a quoted word begins and ends with a double quote of its own, and \\\" is one within it")
				  else $word, (.[($word | length):] | more) end
			  end;
		[more]
		| map(if startswith("\"") then . as $it | try fromjson catch refuse("\($it) cannot be read; within quotes, write \\\\ for \\") else . end)
	end;

# number($what; $min; $max): a number without sign or leading zeros.
def number($what; $min; $max):
	. as $word | ([tonumber?][0] // -1) as $n
	| if ($n | tostring) == $word and $n >= $min and $n <= $max then $n
	  else refuse("'\($word)' is no \($what); take one from \($min) to \($max)") end;

def port: number("port"; 1; 65535);

# no_host: what is wrong with an IPv6 address (its 8 groups) that no other machine can be reached by; or null.
def no_host:
	if .[:6] == [0, 0, 0, 0, 0, 65535] then "is an IPv4 address within an IPv6 one; write \(ipv6_text[7:])"
	elif .[0] >= 65152 and .[0] <= 65215 then "is a link-local address, which is one only together with an interface; take a global one, or one of fd00::/8"
	elif .[:6] == [0, 0, 0, 0, 0, 0] or .[0] >= 65280 then "is no address of a host that others can reach; take another one"
	else null end;

# ipv6_address: an IPv6 address that a host can have, in the one text that it has here.
def ipv6_address:
	. as $word | (split("%")[0] | ipv6_groups) as $groups
	| if $groups == null then refuse("'\($word)' is no IPv6 address; write it like 2001:db8::15") else $groups end
	| no_host as $wrong
	| if $wrong then refuse("'\($word)' \($wrong)")
	  elif $word | contains("%") then refuse("'\($word)' names an interface; write the address alone") else ipv6_text end;

# address: an IP address that a host can have.
def address:
	. as $word | split(".") as $parts | [$parts[] | tonumber?]
	| if $word | is_ipv6 then $word | ipv6_address
	  elif length != 4 or ($parts | length) != 4 or min < 0
	  then refuse("'\($word)' is no IPv4 address; write it like 192.168.178.15")
	  elif max > 255 or "\(.[0]).\(.[1]).\(.[2]).\(.[3])" != $word
	  then refuse("'\($word)' is no IPv4 address; each of its numbers is 0 to 255")
	  elif .[0] < 1 or .[0] > 223 or .[0] == 127
	  then refuse("'\($word)' is no address of a host that others can reach; take another one")
	  else $word end;

# prefix: ADDRESS/BITS, or an address alone -> {address, bits}, all bits behind the prefix being 0.
def prefix:
	. as $word | split("/")
	| if length > 2 then refuse("'\($word)' is no prefix; write it like 192.168.0.0/16 or 2001:db8::/32") else . end
	| (if .[0] | is_ipv6 then 128 else 32 end) as $most
	| (.[1] // "\($most)" | number("length of a prefix"; 1; $most)) as $bits
	| (.[0] | address | address_bytes) as $bytes
	| [range($bytes | length) as $i | pow(2; [[8 * ($i + 1) - $bits, 0] | max, 8] | min) as $rest | $bytes[$i] - $bytes[$i] % $rest] as $first
	| if $first != $bytes then refuse("'\($word)' has bits behind its prefix; write \($first | address_text)/\($bits)") else . end
	| {address: ($first | address_text), $bits};

# address_and_port: ADDRESS:PORT, [ADDRESS]:PORT or an address alone -> [ADDRESS, PORT], which nobody has checked yet; or
# [ADDRESS]. Without brackets, all of an IPv6 address is taken for the address.
def address_and_port:
	. as $word
	| if startswith("[") then
		(index("]") // length) as $closing
		| if ($closing == length) or ($word[$closing + 1:] | . != "" and (startswith(":") | not))
		  then refuse("'\($word)' is not understood; write [ADDRESS]:PORT, like [2001:db8::15]:80")
		  elif $word[1:$closing] | is_ipv6 | not then refuse("'\($word)' has brackets, which are for IPv6; write ADDRESS:PORT, like 192.168.178.15:80")
		  else [$word[1:$closing]] + if $closing + 1 == length then [] else [$word[$closing + 2:]] end end
	  else
		split(":")
		| if length == 1 then . elif length == 2 then . else [$word] end
	  end;

def is_prime: . as $n | $n > 1 and all(range(2; $n | sqrt | floor + 1); $n % . != 0);

# suits_maglev: whether Maglev can fill a table of so many slots (headers/maglev/fill.h). 0 is auto.
def suits_maglev: IN(0, (range(17) | pow(2; .))) or is_prime;

# no_more: what is left over is an error.
def no_more: if length > 0 then usage("unexpected word '\(.[0])'") else . end;

# What the flags of a backend say.
def is_fallback: .flags | index("fallback") != null;
def is_last_resort: .flags | index("last_resort") != null;
def is_local: .flags | index("local") != null;

# name, server: as people write a service, and a backend.
def name: (if .port == 0 then "any" else .port end) as $port | "\(.protocol) \(.address | with_port($port))";
def server: .port as $port | .address | with_port($port);
def address_or_server($port): if .port == $port then .address else server end;
def service_words:
	"\(name)\(if .sticky then " sticky" else "" end) \(.filling)\(if .slots > 0 then " slots \(.slots)" else "" end)"
	+ (if .need > 0 then " need \(.need)" else "" end) + (if .strict then " strict" else "" end)
	+ (if (.quic // 0) > 0 then " quic \(.quic)" else "" end)
	+ (if (.limit.rate // 0) > 0 then " limit \(.limit.rate) per /\(.limit.bits)" else "" end);

# fallback_word($service): the service's fallback, behind them.
def fallback_word($service): if . then " fallback \(address_or_server($service.port))" else "" end;

# attempt(f): [what f gives], or the error that it raised, as {status, text}. Done with before anything goes on: a bare
# try of jq 1.6 would also catch the errors of what comes after it.
def attempt(f): [try [f] catch if type == "object" then . else error end][0];

# line($line; f): f, whose errors are those of this line of a file, unless they have one already; null: of no line.
def line($line; f): attempt(f) | if type == "array" then .[] elif $line == null then error else error(.line //= $line) end;

# refused: an error as a line for the shell: "refused STATUS TEXT".
def refused: "refused \(.status) \(if .line then "line \(.line): " else "" end)\(.text)";

# answer(f; g): "ok" and what g prints of f; or what is wrong in f, as a line.
def answer(f; g): attempt(f) | if type == "array" then "ok", (.[] | g) else refused end;

# given, typed: what parse_text has made of a file: services; or of the command line: the service that was named, and in
# it the backend. Its errors are those of the whole.
def given: input | if type == "object" then error(.status = 1) else . end;
def typed: input | if type == "object" then error(del(.line)) else .[0] | del(.line, .backends[].line) end;
