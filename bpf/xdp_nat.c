/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_nat: a load balancer that both directions pass through. It rewrites the client's packet into
 * one of its own to the backend, and the backend's answer into one from the VIP. The backend needs
 * no preparation, and does not see the client's address. Client and backend may be of different
 * families: NAT44, NAT66, NAT64, NAT46 (RFC 7915).
 *
 *   request -> connection (or: service -> slot -> backend -> a port of ours) -> rewrite -> out
 *   reply   -> connection                                                    -> rewrite -> out
 *
 * (A VIP is an address, a service is a VIP with a protocol and a port.)
 *
 *   packet                                            verdict
 *   ------------------------------------------------  ----------------------------------------
 *   not IP, or none of those below                     PASS, not one byte changed
 *   of a known connection, either way                  rewritten, TTL one less
 *   TCP SYN or UDP for a service                       a new connection, from a port of ours
 *   the same of QUIC, whose connection id names one     a new connection to that backend
 *   other TCP for a service, of no connection          DROP: after a restart, or never ours
 *   of a connection whose backend gets nothing now     TCP RST to the client; UDP: a new connection
 *   to a lent port, of no connection, no socket        DROP: a late reply
 *   ICMP error about a packet of a connection          rewritten, outside and inside
 *   first fragment of a connection's packet            rewritten, and noted
 *   first fragment of something else for a VIP         PASS, and noted
 *   later fragment                                     like its first one; else DROP if for a VIP
 *   of a client that is denied, or ICMP error about it DROP, also of an old connection
 *   begins one connection too many, of a limit         DROP
 *   lengths that disagree, for a VIP                   DROP
 *   IPv6 with too many extension headers, for a VIP    DROP
 *   no usable backend, no route, no neighbour, ...     DROP, each with a counter of its own
 *   no port left, no room for connections              DROP: old ones are not harmed
 *   TTL 1                                              ICMP time exceeded from lb to the sender (*)
 *   too big for the route, DF set or IPv6              ICMP too big to the sender (*)
 *   too big for the route, DF clear                    DROP: XDP cannot fragment
 *   next hop behind a VLAN device (eth0.7)             out of eth0, with its tag; else no tags
 *   next hop on another interface                      REDIRECT
 *
 *   on the way to the other family
 *   ------------------------------------------------  ----------------------------------------
 *   IP options, extension headers                      left out (those of IPv6 stay in NAT66)
 *   fragment                                           a fragment; 16 bits of the id are kept
 *   IPv4 UDP without a checksum                        gets one; a fragment: DROP
 *   IPv6 that fits in 1260 bytes of IPv4, else         DF clear, else DF set
 *   ICMP error                                         its counterpart, the MTU changed by 20 bytes
 *   ICMP error without a counterpart                   DROP
 *   fragment header in front of other headers          DROP
 *
 * (*) Whole TCP and UDP packets of senders that can be answered, and not too often; else DROP.
 */
#include "../headers/lb/answer.h"
#include "../headers/lb/nexthop.h"
#include "../headers/nat/cross.h"
#include "../headers/nat/find.h"
#include "../headers/nat/settle.h"
#include "../headers/nat/stages.h"
#include "../headers/nat/translate.h"
#include "../headers/packet/link.h"
#include "../headers/packet/parse.h"

static __always_inline enum verdict balance(struct packet *packet)
{
	struct load_balancer *lb = this_load_balancer();
	struct nat *settings = nat_settings();
	const struct translation *becomes;
	__u8 family = packet->flow.family;
	struct nexthop *hop;
	enum verdict verdict;
	struct path path;
	int grows = 0;

	if (!lb || !settings)
		return VERDICT_BUG;

	/* Who talks to whom, and what does the packet become? */
	parse_packet(packet);
	verdict = find_translation(packet, lb, settings, &becomes);
	if (verdict != VERDICT_GO_ON)
		return verdict;

	/* Which way to the backend, or back to the client? */
	path = (struct path){&becomes->source, &becomes->destination, becomes->family};
	verdict = find_nexthop(packet, lb, nexthop_id(becomes), &path, &hop);
	if (verdict != VERDICT_GO_ON)
		return verdict;

	/* Send it there as a router would, under its new addresses. */
	if (becomes->family != family)
		grows = growth(packet, becomes->family);
	if (hop_limit(packet) <= 1)
		return time_exceeded(packet, lb);
	if (packet->length + grows > hop->mtu)
		return too_big(packet, hop->mtu - grows, lb);
	if (becomes->family != family)
		return begin_crossing(packet, lb, becomes, hop);
	decrement_hop_limit(packet);
	if (translate(packet, becomes) || rewrite_l2(packet, hop, 0, family) < 0)
		return VERDICT_BUG;
	return forward(packet, hop);
}

SEC("xdp")
int xdp_nat(struct xdp_md *ctx)
{
	return handle_in_stages(ctx, ctx->data_end - ctx->data);
}

/* The same for an MTU above about 3500, whose frames are in several pages: `sec xdp.frags`. */
SEC("xdp.frags")
int xdp_nat_frags(struct xdp_md *ctx)
{
	return handle_in_stages(ctx, bpf_xdp_get_buff_len(ctx));
}

char _license[] SEC("license") = "GPL";
