# SPDX-License-Identifier: GPL-2.0-only
# parse: reads services and backends as people write them, a line each. For lb: both its command line and the
# files of save.
#
#   service PROTOCOL VIP:PORT [sticky] [maglev|hash] [slots N]
#     backend ADDRESS[:PORT] [weight N] [up|down]          of the service above it
#
# In:  lines (jq -Rnr); $max_slots
# Out: the line "ok"; a line PROTOCOL ADDRESS PORT BACKEND_ADDRESS BACKEND_PORT of the first of them; and all of them,
#      [{protocol, address, port, sticky, filling, slots, backends: [{address, port, weight, state}]}]: port 0 is
#      every port, null is what was not said. Or "error LINE TEXT"; "usage LINE TEXT" if words are missing, or too
#      many.

def usage($text): error({verdict: "usage", text: $text});
def refuse($text): error({verdict: "error", text: $text});

def address:
	. as $word
	| if test("^([0-9]+\\.){3}[0-9]+$") then split(".")
	  else refuse("'\($word)' is no IPv4 address; write it like 192.168.178.15") end
	| if any(.[]; length > 3 or (length > 1 and .[:1] == "0") or tonumber > 255)
	  then refuse("'\($word)' is no IPv4 address; each of its numbers is 0 to 255") else map(tonumber) end
	| if .[0] < 1 or .[0] > 223 or .[0] == 127
	  then refuse("'\($word)' is no address of a host that others can reach; take another one") else $word end;

def number($what; $min; $max):
	. as $word
	| if test("^(0|[1-9][0-9]{0,9})$") and ($word | tonumber) >= $min and ($word | tonumber) <= $max
	  then tonumber else refuse("'\($word)' is no \($what); take one from \($min) to \($max)") end;

def port: number("port"; 1; 65535);

def is_prime: . as $n | $n > 1 and all(range(2; $n | sqrt | floor + 1); $n % . != 0);

# service_options, backend_options: take the words one after the other, and leaves what they say.
def service_options:
	.words[0] as $word | .words[1] as $value
	| if $word == null then del(.words)
	  elif $word == "sticky" then .sticky = true | .words |= .[1:] | service_options
	  elif $word == "maglev" or $word == "hash" then .filling = $word | .words |= .[1:] | service_options
	  elif $word == "slots" then
		.slots = ($value // usage("how many slots?") | number("number of slots"; 1; $max_slots))
		| .words |= .[2:] | service_options
	  else usage("what is '\($word)'?") end;

def backend_options:
	.words[0] as $word | .words[1] as $value
	| if $word == null then del(.words)
	  elif $word == "weight" then
		.weight = ($value // usage("which weight?") | number("weight"; 0; 65535))
		| .words |= .[2:] | backend_options
	  elif $word == "up" or $word == "down" then .state = $word | .words |= .[1:] | backend_options
	  else usage("what is '\($word)'?") end;

# service: from its words.
def service:
	.[0] as $protocol | .[1] as $vip
	| if length < 2 then usage("a service is PROTOCOL VIP:PORT, like: tcp 192.168.178.15:8000") else . end
	| if $protocol == "tcp" or $protocol == "udp" then . else refuse("'\($protocol)' is no protocol; take tcp or udp") end
	| ($vip | split(":")) as $parts
	| if $parts | length < 2 then refuse("'\($vip)' has no port; write VIP:PORT, like 192.168.178.15:8000, or VIP:any") else . end
	| {
		$protocol,
		address: ($parts[:-1] | join(":") | address),
		port: ($parts[-1] | if . == "any" then 0 else port end),
		sticky: false, filling: null, slots: null, words: .[2:]
	}
	| service_options
	| if .filling != "hash" and .slots != null and (.slots | is_prime | not)
	  then refuse("\(.slots) is no prime number, and Maglev needs one; take 251, 4093, 16381 or 65537, say") else . end
	| .backends = [];

# backend: from its words, and the service that it is for.
def backend($service):
	.[0] as $server
	| if $service == null then refuse("a backend comes after its service") else . end
	| if $server == null then usage("which backend? Its ADDRESS is missing") else . end
	| ($server | split(":")) as $parts
	| if $service.port == 0 and ($parts | length) > 1
	  then refuse("'\($server)' has a port; a service of every port keeps the client's: give the address alone") else . end
	| {
		address: ($parts[:-1] | if . == [] then $server else join(":") end | address),
		port: (if $parts | length > 1 then $parts[-1] | port else $service.port end),
		weight: null, state: null, words: .[1:]
	}
	| if .address == $service.address then refuse("\(.address) is the VIP; give the backend's own address") else . end
	| backend_options;

def words: gsub("[\t\r]"; " ") | split(" ") | map(select(. != ""));

reduce inputs as $line ({line: 0, configuration: []};
	if .verdict then . else
		.line += 1
		| .line as $at
		| .configuration[-1] as $service
		| ($line | words) as $words
		| try (
			if $words == [] or $words[0][:1] == "#" then .
			elif $words[0] == "service" then .configuration += [$words[1:] | service]
			elif $words[0] == "backend" then .configuration[-1].backends += [$words[1:] | backend($service)]
			else refuse("what is '\($words[0])'? A line begins with service, backend, or #") end
		) catch (if type == "object" then . else error end + {line: $at})
	end)
| if .verdict then "\(.verdict) \(.line) \(.text)"
  else
	"ok",
	(.configuration[0] | [.protocol, .address, .port, (.backends // [] | .[0] | .address, .port)] | map(. // "") | join(" ")),
	.configuration
  end
