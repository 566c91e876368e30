# SPDX-License-Identifier: GPL-2.0-only
# start: reads the file of a machine, /etc/xdp-lb/config say: what a person would type behind lb, and two lines more.
#
#   attach MODE DEV [native|generic]      set ...      nat set ...      decap add ROLE ...      restore FILE
#   decap set ...
#   key FILE                              as `set key`, but the key is in a file that nobody else can read
#   vip ADDRESS dev DEV                   an address of this machine
#
# In:  a text
# Out: "ok", and then what is to be done, in this order, each with the number of its line, and tabs between words:
#        N attach MODE DEV [FLAVOUR]     N key FILE     N set WORD...     N nat WORD...     N restore FILE
#        N decap_set WORD...
#        N decap JSON                    (all of them: entries, see decap.jq)            N vip ADDRESS DEV
#      or an error of words.jq, with the line.
include "words";
include "address";
include "parse";
include "settings";
include "decap";

# need($n; $text): exactly so many words, or the error.
def need($n; $text): if length < $n then usage($text) else . end | (.[$n:] | no_more) as $none | .;

def attach_step:
	if length < 2 then usage("attach what to which device? Write: attach ipip eth0") else . end
	| if .[0] | IN("nat", "l2dsr", "ipip", "gre", "fou", "gue", "decap", "relay") | not
	  then refuse("'\(.[0])' is no mode; take nat, l2dsr, ipip, gre, fou, gue, decap or relay") else . end
	| if .[2] and (.[2] | IN("native", "generic") | not) then refuse("'\(.[2])' is no way to attach; take native or generic") else . end
	| (.[3:] | no_more) as $none | ["attach"] + .;

# settings_step($name; f): words NAME VALUE ..., which f looks at.
def settings_step($name; f): if . == [] then usage("set what?") else f as $checked | [$name] + . end;

def set_step:
	if index("key") then refuse("this file can be read by others; put the key into one of its own, and write: key FILE") else . end
	| settings_step("set"; load_balancer_words);

def step:
	if any(test("[\\t\\n]")) then refuse("a word must not have a tab or a line break in it") else . end
	| .[0] as $verb | .[1:]
	| if $verb == "attach" then attach_step
	  elif $verb == "set" then set_step
	  elif $verb == "key" or $verb == "restore" then need(1; "which file? Write: \($verb) FILE") | [$verb] + .
	  elif $verb == "nat" and .[0] == "set" then .[1:] | settings_step("nat"; nat_words)
	  elif $verb == "decap" and .[0] == "set" then .[1:] | settings_step("decap_set"; decap_settings_words)
	  elif $verb == "decap" and .[0] == "add" then
		if length < 3 then usage("which role, and which address? Write: decap add lb 192.168.178.10") else . end
		| .[1:] | entry_of_words | ["decap", .]
	  elif $verb == "vip" then
		need(3; "which address, on which device? Write: vip 192.168.178.15 dev eth0")
		| if .[1] != "dev" then usage("unexpected word '\(.[1])'. Write: vip \(.[0]) dev DEV") else . end
		| ["vip", (.[0] | address), .[2]]
	  else usage("unexpected word '\($verb)'. A line begins with attach, set, key, nat set, decap add, decap set, vip, restore, or #") end;

# key_of: what a step is about: no two may be about the same. Words of set and nat are so many keys.
def keys_of:
	.words | if .[0] == "attach" then "a program for \(.[2])"
		elif .[0] == "decap" then "\(.[1].role) \(.[1].address)"
		elif .[0] == "vip" then "the VIP \(.[1])"
		elif .[0] | IN("set", "nat", "decap_set") then .[0] as $set | range(1; length; 2) as $i
			| "\(.[$i])\(if (.[$i] | IN("address", "source")) and (.[$i + 1] | is_ipv6) then " of IPv6" else "" end) (\($set | sub("_"; " ")))"
		else .[0] end;

# unwraps: whether a mode is the backend's half of tunnels.
def unwraps: IN("decap", "relay");

# has_program($steps): nothing that needs a program which no line attaches.
def has_program($steps):
	[$steps[].words | select(.[0] == "attach")[1]] as $modes
	| .words[0] as $verb
	| if ($verb | IN("decap", "decap_set")) and all($modes[]; unwraps | not) then refuse("nothing decapsulates here; add a line: attach decap DEV")
	  elif $verb == "nat" and ($modes | index("nat") == null) then refuse("there is no NAT here; add a line: attach nat DEV")
	  elif ($verb | IN("set", "key", "restore")) and $modes - ["decap"] == []
	  then refuse("there is no load balancer here; add a line: attach MODE DEV")
	  else . end;

def lines:
	words as $lines
	| [range($lines | length) | . as $i | $lines[$i] | select(. != []) | {n: ($i + 1), words: line($i + 1; step)}] as $steps
	| if $steps == [] then refuse("it says nothing; write what this machine is, like: attach ipip eth0") else . end
	| reduce ($steps[] | {n, key: keys_of}) as $it ({};
		if .[$it.key] then line($it.n; refuse("\($it.key) is there twice; see line \(.[$it.key])")) else .[$it.key] = $it.n end)
	| $steps[] | line(.n; has_program($steps));

# in_turn: what shall be done, in the order that it needs: first who balances and how, then whom, and then the VIPs, which
# packets come to. Lines of decap are one step.
def in_turn:
	. as $steps
	| ("attach", "key", "set", "nat", "decap", "decap_set", "restore", "vip") as $verb
	| [$steps[] | select(.words[0] == $verb)]
	| if $verb != "decap" then .[]
	  else {n: (.[0].n // 0), words: ["decap", ([.[].words[1]] | tojson)]}
		| select(any($steps[].words; .[0] == "attach" and (.[1] | unwraps)))
	  end;

# start_steps: the lines for the shell.
def start_steps:
	attempt([lines] | [in_turn])
	| if type == "array" then "ok", (.[0][] | [.n] + .words | map(tostring) | join("\t"))
	  else .status = 1 | refused end;
