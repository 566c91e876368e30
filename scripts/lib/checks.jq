# SPDX-License-Identifier: GPL-2.0-only
# checks: how the backends of a service are checked, as people write it.
#
#   check tcp                                                    a connection can be opened
#   check http PATH [host NAME] [expect CODE|CODE-CODE] [match TEXT]
#   check https PATH [the same] [verify FILE|insecure]
#   check udp SEND EXPECT                                        its answer to SEND begins with EXPECT
#   check dns NAME                                               it has an answer for NAME
#   check exec COMMAND                                           exits with status 0
#         [interval S] [fast-interval S] [timeout S] [rise N] [fall N] [port N]
#
# In:  a list of words
# Out: {kind, args, and what was said: host, expect: [from, to], match, verify, insecure, interval, fast, timeout, rise,
#      fall, port}; or an error of words.jq
include "words";

# How it is checked if nothing else is said: seconds, and so many times.
def check_defaults: {interval: 2, fast: 1, timeout: 1, rise: 2, fall: 3, expect: [200, 399]};
def timing: check_defaults + . | .fast = ([.fast, .interval] | min) | .timeout = ([.timeout, .interval] | min);

# What a kind has behind it, in order.
def check_arguments: {tcp: [], http: ["PATH"], https: ["PATH"], udp: ["SEND", "EXPECT"], dns: ["NAME"], exec: ["COMMAND"]};

def seconds:
	. as $word | ([tonumber?][0] // -1) as $n
	| if ($word | test("\\A[0-9]+([.][0-9]{1,2})?\\z")) and $n >= 0.1 and $n <= 3600 then $n
	  else refuse("'\($word)' is no number of seconds; take one from 0.1 to 3600, with two decimals at most") end;

def status_range:
	. as $word | split("-") | map(number("HTTP status"; 100; 599))
	| if length == 1 then [.[0], .[0]] elif length == 2 and .[0] <= .[1] then .
	  else refuse("'\($word)' is no HTTP status; take one like 200, or a range like 200-299") end;

# text: what goes to others as it is; but a line break or NUL in it would be another line of a protocol, or its end.
def text($what):
	if . == "" or any(explode[]; . < 32 or . == 127)
	then refuse("\($what) must not be empty, or have a line break or another control character in it") else . end;

def file($what):
	if startswith("/") then text($what) else refuse("'\(.)' is no \($what); write its whole path, from / on") end;

# check_options($kind): words -> what they say.
def check_options($kind):
	def value(f): .[1:] as $rest | ($rest[0] // usage("'\(.[0])' needs a value")) | f;
	.[0] as $word
	| if $word == null then {}
	  elif $word == "insecure" and $kind == "https" then {insecure: true} + (.[1:] | check_options($kind))
	  else
		(if $word | IN("interval", "timeout") then {($word): value(seconds)}
		 elif $word == "fast-interval" then {fast: value(seconds)}
		 elif $word | IN("rise", "fall") then {($word): value(number("number of times"; 1; 100))}
		 elif $word == "port" then {port: value(port)}
		 elif $word == "verify" and $kind == "https" then {verify: value(file("file"))}
		 elif ($word | IN("host", "expect", "match")) and ($kind | IN("http", "https")) then
			if $word == "host" then {host: value(if test("\\A[A-Za-z0-9._-]+\\z") then . else refuse("'\(.)' is no name of a host") end)}
			elif $word == "expect" then {expect: value(status_range)}
			else {match: value(text("text"))} end
		 else usage("unexpected word '\($word)'") end)
		+ (.[2:] | check_options($kind))
	  end;

# check_argument($kind): the word behind it.
def check_argument($kind):
	if $kind | IN("http", "https") then
		if startswith("/") then text("path") else refuse("'\(.)' is no path; it begins with /, like /health") end
	elif $kind == "dns" then if test("\\A[A-Za-z0-9._-]+\\z") then . else refuse("'\(.)' is no name") end
	elif $kind == "exec" then file("command")
	elif . == "" or any(explode[]; . == 0) then refuse("what is sent and expected must not be empty, or have a NUL in it")
	else . end;

# check_words: what the words behind "check" say.
def check_words:
	.[0] as $kind | check_arguments[$kind // ""] as $expected | (.[1:1 + ($expected | length)]) as $args
	| if $kind == null then usage("check what? tcp, http, https, udp, dns or exec")
	  elif $expected == null then refuse("'\($kind)' is no check; take tcp, http, https, udp, dns or exec")
	  elif $args | length < ($expected | length) then usage("\($kind) needs \($expected | join(" and "))")
	  else {$kind, args: ($args | map(check_argument($kind)))} + (.[1 + ($expected | length):] | check_options($kind)) end
	| if .insecure and .verify then refuse("verify and insecure do not go together") else . end
	| (check_defaults + .) as $check
	| if .timeout and $check.timeout > $check.interval then refuse("the timeout (\($check.timeout) s) is longer than the interval (\($check.interval) s)")
	  elif .fast and $check.fast > $check.interval then refuse("the fast-interval (\($check.fast) s) is longer than the interval (\($check.interval) s)")
	  else . end;

# check($service): the same, if it suits the service.
def check($service):
	check_words
	| if $service.protocol == "udp" and (.kind | IN("tcp", "http", "https"))
	  then refuse("\(.kind) cannot check a service of udp; take udp, dns or exec")
	  elif $service.protocol == "tcp" and .kind == "udp" then refuse("udp cannot check a service of tcp; take tcp, http, https, dns or exec")
	  elif $service.port == 0 and .port == null and .kind != "exec" then refuse("a service of every port needs a port to check: port N")
	  elif $service.port != 0 and .port then refuse("a service of one port is checked on that port; leave out: port \(.port)")
	  else . end;

# quoted: a word as it can be read again.
def quoted: if test("\\A[^\\s\"\\\\#]+\\z") then . else tojson end;

# check_key: what a check is called; check_text: all of it, as a line.
def check_key: [.kind, .args[]] | map(quoted) | join(" ");
def check_text:
	"check \(check_key)"
	+ ([(.host // empty | "host \(.)"), (.expect // empty | "expect \(.[0])\(if .[1] == .[0] then "" else "-\(.[1])" end)"),
		(.match // empty | "match \(quoted)"), (.verify // empty | "verify \(quoted)"), (select(.insecure) | "insecure"),
		(.port // empty | "port \(.)"), (.interval // empty | "interval \(.)"), (.fast // empty | "fast-interval \(.)"),
		(.timeout // empty | "timeout \(.)"), (.rise // empty | "rise \(.)"), (.fall // empty | "fall \(.)")]
		| map(" " + .) | join(""));

# utf8: a text -> its bytes.
def utf8:
	[explode[] | if . < 128 then . elif . < 2048 then 192 + (. / 64 | floor), 128 + . % 64
		elif . < 65536 then 224 + (. / 4096 | floor), 128 + (. / 64 | floor) % 64, 128 + . % 64
		else 240 + (. / 262144 | floor), 128 + (. / 4096 | floor) % 64, 128 + (. / 64 | floor) % 64, 128 + . % 64 end];

# checks_struct: checks -> struct checks (maps/checks.h), its text as bytes.
def checks_length: 1020;
def checks_struct:
	(map(check_text + "\n") | join("") | utf8) as $bytes
	| {length: ($bytes | length), text: ($bytes + [range(checks_length - ($bytes | length)) | 0])};
