# SPDX-License-Identifier: GPL-2.0-only
# decap: whom the decapsulator believes, and the words of lb decap add and del.
#
#   lb PREFIX      host ADDRESS [ipip] [gre] [fou[:PORT]] [gue[:PORT]]      vip ADDRESS
#
# An entry is {role, address, tunnels}: tunnels are words, ["ipip", "fou:5555"] say, those of a load balancer or VIP []. An
# address may be a prefix. $tunnel_ports: {fou, gue}: the ports that they have if nothing else is said.
include "words";
include "bytes";
include "address";

def kinds: words("decap_tunnels")[1:];
def kind: split(":")[0];

# tunnel: a word -> the same, with its port if it has one.
def tunnel:
	. as $word | split(":") as [$kind, $port]
	| if kinds | index($kind) == null then usage("unexpected word '\($word)'. Tunnels are ipip, gre, fou[:PORT] and gue[:PORT]")
	  elif $ARGS.named.tunnel_ports[$kind] then "\($kind):\(if $word == $kind then $ARGS.named.tunnel_ports[$kind] else $word[($kind | length) + 1:] | port end)"
	  elif $port then refuse("'\($word)' has a port; \($kind) has none")
	  else $kind end;

# in_one_order: words of tunnels, as decap_addresses_decode has them.
def in_one_order: . as $tunnels | [kinds[] as $kind | $tunnels[] | select(kind == $kind)];

# single_address: this host's own, or a VIP.
def single_address: if contains("/") then refuse("'\(.)' is a prefix; give each address by itself") else address end;

# entry_of_words: ROLE ADDRESS TUNNEL... -> an entry. None is named: ipip.
def entry_of_words:
	.[0] as $role | .[2:] as $tunnels
	| if words("decap_role")[1:] - ["-"] | index($role) == null then usage("'\($role)' is no role; take lb, host or vip") else . end
	| {$role, address: (.[1] | if $role == "lb" then prefix | prefix_text else single_address end),
		tunnels: (if $role != "host" then $tunnels | no_more elif $tunnels == [] then ["ipip"] else $tunnels | map(tunnel) | in_one_order end)}
	| if .tunnels | length > (unique_by(kind) | length) then refuse("a tunnel of \(.address) is there twice") else . end;

# entries: what decap_addresses_decode prints -> entries.
def entries: [.[] | . as $it | .roles[] | {role: ., address: $it.address, tunnels: (if . == "host" then $it.tunnels else [] end)}];
def is_of($it): .role == $it.role and .address == $it.address;

# add_line, del_line: for the shell, give_roles in decap.sh.
def add_line: "add \(.role) \(.address) \(.tunnels | join(" "))" | rtrimstr(" ");
def del_line: "del \(.role) \(.address)";

# make_be($want): entries as they shall be, from those that are -> a line for each that is another one. Those that come
# are before those that go.
def make_be($want):
	. as $is
	| ($want[] | select(. as $it | any($is[]; . == $it) | not) | add_line),
	  ($is[] | select(. as $it | any($want[]; is_of($it)) | not) | del_line);

# change_entry($verb; $it): the line for one entry, from all that there are; or an error of words.jq. Tunnels are added to
# those that a host takes already.
def change_entry($verb; $it):
	([.[] | select(is_of($it))][0]) as $is
	| if $verb == "del" then
		if $is then $is | del_line else refuse("\($it.address) is not \($it.role); 'lb decap show' lists them") end
	  else
		($is.tunnels // [] | map(select(kind as $kind | all($it.tunnels[]; kind != $kind))) + $it.tunnels | in_one_order) as $tunnels
		| if $is.tunnels == $tunnels then refuse("\($it.address) is \($it.role) already; 'lb decap show' lists them")
		  else $it | .tunnels = $tunnels | add_line end
	  end;

# entry_line: an entry as a line for people: as it is added.
def entry_line: if .tunnels == ["ipip"] then .tunnels = [] else . end | add_line | ltrimstr("add ");
