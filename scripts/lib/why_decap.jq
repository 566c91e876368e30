# SPDX-License-Identifier: GPL-2.0-only
# why_decap: what lb why says of a packet that a decapsulator gets.
#
# In:  $mode, $dev, $frame: its bytes, $tried: what bpftool says of its run, $counters: of that run; $roles: what decap_addresses
#      has, [{address, roles, tunnels}]
# Out: {verdict, action, steps: [{step, text}]}

include "frame";

def of_role($role): $ARGS.named.roles[] | select(any(.roles[]; . == $role));
def accepted($role):
	[of_role($role) | .address + if $role == "host" then " (\(.tunnels | join(" ")))" else "" end]
	| if . == [] then "none" else join(", ") end;

# udp_tunnel($to; $port): the kind of the tunnel that this host has at a UDP port, as in "fou:5555"; or null.
def udp_tunnel($to; $port):
	first(of_role("host") | select(.address == $to).tunnels[] | select(. == "fou:\($port)" or . == "gue:\($port)")) // null;

# tunnel_of($outer): a frame -> {kind, inner: where the packet within begins}; kind is null if it is no tunnel. Of UDP also
# {port, guess}: which tunnel it looks like.
def tunnel_of($outer):
	$outer.end as $at
	| def bit($mask): if (.[$at] / $mask | floor) % 2 == 1 then 4 else 0 end;
	if $outer == null then {kind: null}
	elif $outer.protocol | IN(4, 41) then {kind: "ipip", inner: $at}
	elif $outer.protocol == 47 and .[$at + 3] then {kind: "gre", inner: ($at + 4 + bit(128) + bit(32) + bit(16))}
	elif $outer.protocol == 17 and .[$at + 8] then
		(.[$at + 2] * 256 + .[$at + 3]) as $port
		# FOU has an IP packet there, GUE a header
		| {kind: udp_tunnel($outer.destination; $port), $port, guess: (if .[$at + 8] / 16 | floor | IN(4, 6) then "fou" else "gue" end),
			inner: ($at + 8 + if .[$at + 8] < 64 then 4 + .[$at + 8] % 32 * 4 else 0 end)}
		| if .kind // "" | startswith("fou") then .inner = $at + 8 else . end
	else {kind: null} end;

# host_words($kind): what follows lb decap add host ADDRESS.
def host_words($kind): if $kind | IN("ipip", null) then "" else " \($kind)" end;

def because($tunnel; $outer; $inner):
	{
		plain: ("the kernel gets it, unchanged: it is no tunnel"
			+ if $tunnel.port then ", for \($outer.destination) takes none at UDP port \($tunnel.port); if it shall, run: lb decap add host \($outer.destination) \($tunnel.guess):\($tunnel.port)" else "" end),
		decapsulated: "the kernel gets what is inside, for \($inner)",
		syn_unanswered: "the kernel gets what is inside, for \($inner): it begins a connection, as too many do, but there is no SYN cookie for it",
		syn_answered: "it begins a connection, as too many do: the client gets a SYN cookie",
		syn_answered_aside: "it begins a connection, as too many do: the client gets a SYN cookie, by another device",
		malformed: "DROPPED: lengths in its headers disagree, outer or inner",
		unreadable: "DROPPED: it has more IPv6 extension headers than are read, and a tunnel may stand behind them",
		outer_fragment: "DROPPED: it is a fragment of a tunnel packet; our load balancers never send one",
		source_refused: "DROPPED: it comes from no load balancer that is accepted; if it is one, run: lb decap add lb \($outer.source)",
		destination_refused: "DROPPED: it is for no accepted address of this machine; if it is one, run: lb decap add host \($outer.destination)\(host_words($tunnel.kind))",
		tunnel_refused: "DROPPED: this machine does not take \($tunnel.kind) at that address; if it shall, run: lb decap add host \($outer.destination) \($tunnel.kind)",
		vip_refused: "DROPPED: what is inside is for no accepted VIP; if it is one, run: lb decap add vip \($inner)",
		nested: "DROPPED: a tunnel inside of the tunnel",
		handed_on: "another backend may have the connection, and this machine does not: it goes there",
		handed_aside: "another backend may have the connection, and this machine does not: it goes there, by another device",
		no_way: "DROPPED: another backend may have the connection, but the kernel knows no way there, or a smaller MTU; see lb service show, ip route get, lb refresh",
		congested: "DROPPED: marked on the way as having met congestion, but what is inside knows no ECN (RFC 6040)",
		bug: "ABORTED: this is a bug; please report the frame"
	};

def why_decap:
	$ARGS.named as $in
	| $in.frame as $frame
	| ($frame | ip_header(ip_at)) as $outer
	| ($frame | tunnel_of($outer)) as $tunnel
	| (if $tunnel.kind then $frame | ip_header($tunnel.inner) | .destination // "?" else "?" end) as $inner
	| ([$in.counters[] | select(.packets > 0).name] | join(" ")) as $verdict
	| ($in.tried[0].retval | action_name) as $action
	| {$verdict, $action, steps: [
		{step: "packet", text: "\(if $tunnel.kind then "\($tunnel.kind) \($outer.source) > \($outer.destination), inside for \($inner)" else "no tunnel" end), \($frame | length) bytes, comes in by \($in.dev)"},
		(("lb", "host", "vip") as $role | {step: $role, text: "accepted: \(accepted($role))"}),
		{step: "program", text: "\($in.mode) says \($verdict) (\($action))"},
		{step: "so", text: (because($tunnel; $outer // {source: "?", destination: "?"}; $inner)[$verdict] // $verdict)}]};
