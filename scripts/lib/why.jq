# SPDX-License-Identifier: GPL-2.0-only
# why: what lb why says of a packet, step by step.
#
# In:  $explanation: what xdp_why has put in front of it (maps/types/explanation.h), $mode, $dev, $frame, $out: the frame
#      before and afterwards, as bytes; $tried: what bpftool says of the run that made it so, $counters: of that run; $road:
#      what ip says of the way to the backend: routes, neighbours, links, [its address, the next hop, the device], or nothing;
#      and what configuration.jq reads
# Out: {packet, service, slot, backend, verdict, action, steps: [{step, text}]}
include "words";
include "address";
include "configuration";
include "chosen";
include "frame";
include "clients";
include "bytes";

# road: {address, hop, device, neighbour, mtu} of the backend, or null.
def road:
	if $road == [] then null else
		$road[-1] as [$address, $hop, $device]
		| {$address, $hop, $device, neighbour: $road[-3][0], mtu: ([$road[:-3][][].metrics[]?.mtu // empty][0] // $road[-2][0].mtu)} end;

def action: $tried[0].retval | action_name;
def verdict: [$counters[] | select(.packets > 0).name] | join(" ");

def from: .flow.source_port as $port | .flow.source | with_port($port);
def to: .flow.destination_port as $port | .flow.destination | with_port($port);

def packet_step:
	($frame | length) as $bytes
	| {
		flow: "\(.flow.protocol)\(if .opens == 1 and .flow.protocol == "tcp" then " SYN" else "" end) \(from) > \(to)",
		icmp_error: "an ICMP error about a packet of \(.flow.protocol) \(from) > \(to)",
		later_fragment: "a later fragment \(.flow.source) > \(.flow.destination); it has no ports",
		broken: "\(.flow.source) > \(.flow.destination), with lengths that disagree",
		unreadable: "\(.flow.source) > \(.flow.destination), with more IPv6 extension headers in front of its ports than are read",
		other: "neither TCP nor UDP, nor an ICMP error about them"
	}[.parsed] + ", \($bytes) bytes, comes in by \($dev)";

def slot_text: "slot \(.slot) of \(.service.taken)";
def who: if . then server else "nobody" end;

# client_step: what the service's list of clients says of this one.
def client_step:
	select(.service and .probe == 0 and .service.clients != [])
	| decider as $by
	| {step: "client", text: (.flow.source + if $by then " is in \($by | prefix_text), which the service \(if $by.rule == "deny" then "denies" else "allows" end)"
		elif is_denied then " is in no prefix, and the service allows those alone" else " is in no prefix that the service denies" end)};

def steps:
	chosen as $chosen
	| {step: "packet", text: packet_step},
	  (select(.parsed | IN("flow", "icmp_error")) | {step: "service", text:
		(if .service then "\(.service | name): \(.service.backends | length) backends"
		 elif .memory == "connection" then "none has this destination; but a connection has"
		 elif .is_vip == 1 then "\(.flow.destination) is a VIP, but no service of it is \(.flow.protocol) \(.flow.destination_port); 'lb service show' lists them"
		 else "\(.flow.destination) is no VIP here; 'lb service show' lists them" end)}),
	  client_step,
	  (select(.service and .probe == 0 and (is_denied | not)) | {step: "hash", text: "\(.hash), so \(slot_text)"},
		{step: "slot", text: (if .differs | not then "of \(.now | who), and nobody else's before: the hash alone decides"
			elif .only_flows then "of \(.now | who) now; of several others before: flows are looked up"
			else "of \(.now | who) now, of \(.was | who) before: flows are looked up" end)}),
	  (select(.probe == 1) | {step: "probe", text: "a health check; its port says which backend is checked: \(.known | who)"}),
	  (select(.memory != "none") | {step: "memory", text: ({new_flow: "one packet of this flow was seen", flow: "the flow is known",
			fragment: "its first fragment was seen", connection: "it is of a connection", server_id: "its connection id has the server id of a backend"}[.memory]
			+ if .known then ": it belongs to \(.known | server)" else ": the kernel has it" end)}),
	  (select(.memory == "none" and .service and .differs) | {step: "memory", text: ("the flow is not known: "
		+ if .opens == 1 then "a packet that begins a connection goes to the new backend"
		   elif .service.learns > 0 then "for \(.service.learns) s more, such a packet is taken for one of an old connection"
		   else "the time is over in which it would be taken for one of an old connection" end)}),
	  ($chosen | select(.) | {step: "backend", text: "\(server) weight \(.weight), \(.state), \(.health)\(if is_last_resort then ", gets packets as the last resort" else "" end)"}),
	  (road | select(.device == "lo") | {step: "route", text: "to \(.address): it is an address of this machine"}),
	  (road | select(. and .device != "lo") | {step: "route", text: (if .device == "-" then "to \(.address): the kernel has none" else
			"to \(.address) \(if .hop == .address then "directly" else "via \(.hop)" end), by \(.device), MTU \(.mtu // "unknown")" end)},
		(select(.device != "-") | {step: "neighbour", text: "\(.hop) is \(.neighbour.lladdr // "NOT KNOWN") (\(.neighbour.state // ["no entry"] | join(", ")))"}));

# ---- What becomes of it ----

def leaves: ($out | addresses) as $ip
	| "to \($out[:6] | decode("mac"))" + if $ip then ", as \($ip | join(" > "))" else "" end;

# because($verdict): what it means, and what mends it.
def because($verdict):
	(road // {}) as $road | ($road.hop // "the next hop") as $hop | ($road.address // "the backend") as $address
	| (chosen // {}) as $chosen
	| ($chosen.address // .flow.destination | is_ipv6) as $way6
	| (if .flow.family == 6 then {ttl: "hop limit", too_big: "ICMPv6 packet too big"} else {ttl: "TTL", too_big: "ICMP fragmentation needed"} end) as $words
	| {
		not_ours: "the kernel gets it, unchanged: it is for no service",
		local: "the kernel of this machine gets it, unchanged: it is the backend. \(.flow.destination) must be on lo or another device (ip addr), and a server listen there (ss -lntu)",
		forwarded: "it goes on to the backend, out of \($dev) again, \(leaves)",
		redirected: "it goes on to the backend, by \($road.device // "another device"), \(leaves)",
		probe: "the health check goes on to its backend, \(leaves)",
		probe_answer: "the answer to a health check goes to lb watch",
		ttl_answered: "its \($words.ttl) ends here: the sender is told (ICMP time exceeded), \(leaves)",
		too_big_answered: "it is too big for the way to \($address): the sender is told (\($words.too_big)). Let backends ask for smaller segments: ip route ... advmss",
		reset: "its backend gets nothing now: the client is told by a TCP reset",
		malformed: "DROPPED: lengths in its headers disagree; whoever has sent it must mend that",
		unreadable: "DROPPED: nobody can tell which service it is for; whoever has sent it must use fewer extension headers",
		fragment_unknown: "DROPPED: its first fragment, which has the ports, was not seen here",
		no_backend: (if $chosen.state == "down" then "DROPPED: the backend is down; run: lb backend set \(.service | name) \($chosen | server) up"
			elif $chosen.health == "failed" then "DROPPED: the backend has failed its checks; 'lb service show' says who has"
			else "DROPPED: the service has no usable backend; 'lb service show' shows them; lb backend add ..." end),
		no_address: "DROPPED: the load balancer has no IPv\(if $way6 then 6 else 4 end) address to send from; run: lb set address ADDRESS",
		forwarding_off: (if $way6 then "DROPPED: \($dev) does not forward IPv6; run: sysctl -w net.ipv6.conf.all.forwarding=1"
			else "DROPPED: \($dev) does not forward; run: sysctl -w net.ipv4.ip_forward=1" end),
		no_route: "DROPPED: the kernel knows no way to \($address), or one that says no; see: ip route get \($address)",
		no_neighbour: "DROPPED: the MAC address of \($hop) is not known; if that machine is up, run: lb refresh",
		ttl_expired: "DROPPED: its \($words.ttl) ends here, and its sender cannot be told",
		too_big: "DROPPED: it is too big for the way to \($address), and \(if .flow.family == 6 then "its sender cannot be told" else "has no DF" end): XDP cannot fragment. Let backends ask for smaller segments: ip route ... advmss",
		loop: "DROPPED: it came from where it would be sent to: with l2dsr, backends must be on the network of \($dev), not behind a router",
		no_connection: "DROPPED: it is neither of a connection, nor the first packet of one",
		late_reply: "DROPPED: it is for a port that is lent to connections, but of none of them",
		ports_exhausted: "DROPPED: no port is free for a new connection to \($address); run: lb nat set ports FIRST-LAST, or add backends",
		connections_full: "DROPPED: there is no room for a new connection; build with: make CFLAGS=-DMAX_CONNECTIONS=...",
		untranslatable: "DROPPED: it has something that a packet of the other family cannot have (RFC 7915): a fragment with extension headers or without a UDP checksum, say, or an error of a kind that only one of them has",
		denied: "DROPPED: the service does not want this client; 'lb service show' lists them; lb client del ...",
		limited: (if .service.limit then "DROPPED: more than \(.service.limit.rate) connections a second begin from such addresses (/\(.service.limit.bits)); lb service set \(.service | name) limit RATE" else "DROPPED: too many connections begin from such addresses" end),
		icmp_limited: "DROPPED: its sender should be told, but not that often",
		bug: "ABORTED: this is a bug; please report the frame"
	}[$verdict] // "\($verdict)";

def why:
	verdict as $verdict | action as $action
	| explained($explanation)
	| [steps, {step: "program", text: "\($mode) says \($verdict) (\($action))"}, {step: "so", text: because($verdict)}] as $steps
	| {packet: .flow, service: (.service | if . then name else null end), slot: (if .service then .slot else null end),
		backend: (chosen | if . then server else null end), $verdict, $action, $steps};
