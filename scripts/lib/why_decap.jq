# SPDX-License-Identifier: GPL-2.0-only
# why_decap: what lb why says of a packet that a decapsulator gets.
#
# In:  $mode, $dev, $frame: its bytes, $action: of XDP, $verdict: the counters that went up, as names; $roles: what decap_addresses
#      has, [{address, roles}]
# Out: {verdict, action, steps: [{step, text}]}

include "frame";

def accepted($role): [$ARGS.named.roles[] | select(any(.roles[]; . == $role)).address] | if . == [] then "none" else join(", ") end;

def because($outer; $inner):
	{
		plain: "the kernel gets it, unchanged: it is no tunnel, or UDP to a port that is no tunnel's here",
		decapsulated: "the kernel gets what is inside, for \($inner)",
		malformed: "DROPPED: lengths in its headers disagree, outer or inner",
		unreadable: "DROPPED: it has more IPv6 extension headers than are read, and a tunnel may stand behind them",
		outer_fragment: "DROPPED: it is a fragment of a tunnel packet; our load balancers never send one",
		source_refused: "DROPPED: it comes from no load balancer that is accepted; if it is one, run: lb decap add lb \($outer[0])",
		destination_refused: "DROPPED: it is for no accepted address of this machine; if it is one, run: lb decap add host \($outer[1])",
		tunnel_refused: "DROPPED: this machine does not take tunnels of this kind; if it shall, name it: lb decap add host \($outer[1]) ipip gre fou gue",
		vip_refused: "DROPPED: what is inside is for no accepted VIP; if it is one, run: lb decap add vip \($inner)",
		nested: "DROPPED: a tunnel inside of the tunnel",
		congested: "DROPPED: marked on the way as having met congestion, but what is inside knows no ECN (RFC 6040)",
		bug: "ABORTED: this is a bug; please report the frame"
	};

def why_decap:
	$ARGS.named as $in
	| ($in.frame | ip_at) as $ip
	| (if $ip and $in.frame[$ip + 9] == 4 then $in.frame | addresses else null end) as $outer
	| (if $outer then $in.frame | address_at($ip + 36) else "?" end) as $inner
	| ($in.verdict | join(" ")) as $verdict
	| ($in.action | action_name) as $action
	| {$verdict, $action, steps: [
		{step: "packet", text: "\(if $outer then "IP in IP \($outer | join(" > ")), inside for \($inner)" else "not IP in IP" end), \($in.frame | length) bytes, comes in by \($in.dev)"},
		(("lb", "host", "vip") as $role | {step: $role, text: "accepted: \(accepted($role))"}),
		{step: "program", text: "\($in.mode) says \($verdict) (\($action))"},
		{step: "so", text: (because($outer // ["?", "?"]; $inner)[$verdict] // $verdict)}]};
