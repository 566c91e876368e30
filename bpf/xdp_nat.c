/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_nat: a load balancer that stands between. It rewrites the client's packet into one of its own
 * to the backend, and the backend's answer into one from the VIP. The backend needs no preparation,
 * and does not see the client's address.
 *
 *   request -> connection (or: service -> slot -> backend -> a port of ours) -> rewrite -> out
 *   reply   -> connection                                                    -> rewrite -> out
 *
 * (A VIP is an address, a service is a VIP with a protocol and a port.)
 *
 *   packet                                            verdict
 *   ------------------------------------------------  ----------------------------------------
 *   not IPv4, or for nobody below                      PASS, not one byte changed
 *   of a known connection, either way                  rewritten, TTL one less
 *   TCP SYN or UDP for a service                       a new connection, from a port of ours
 *   other TCP for a service, of no connection          DROP: after a restart, or never ours
 *   to a lent port, of no connection, no socket        DROP: a late reply
 *   ICMP error about a packet of a connection          rewritten, outside and inside
 *   first fragment of a connection's packet            rewritten, and noted
 *   first fragment of something else for a VIP         PASS, and noted
 *   later fragment                                     like its first one; else DROP if for a VIP
 *   lengths that disagree, for a VIP                   DROP
 *   no usable backend, no route, no neighbour, ...     DROP, each with a counter of its own
 *   no port left, no room for connections              DROP: old ones are not harmed
 *   TTL 1                                              ICMP time exceeded from lb to the sender (*)
 *   too big for the route, DF set                      ICMP fragmentation needed to the sender (*)
 *   too big for the route, DF clear                    DROP: XDP cannot fragment
 *   next hop on another interface                      REDIRECT, without VLAN tags
 *
 * (*) Whole TCP and UDP packets of senders that can be answered, and not too often; else DROP.
 */
#include "../headers/connections.h"
#include "../headers/conclude.h"
#include "../headers/icmp.h"
#include "../headers/l2.h"
#include "../headers/nexthop.h"
#include "../headers/packet.h"
#include "../headers/translate.h"

static __always_inline enum verdict balance(struct xdp_md *ctx, __u32 frame_length,
					    struct packet *packet)
{
	struct load_balancer *lb = this_load_balancer();
	struct nat *nat = nat_settings();
	struct translation to;
	struct nexthop *hop;
	enum verdict verdict;
	enum parsed parsed;
	__be32 us;

	if (!lb || !nat)
		return VERDICT_BUG;
	us = ipv4_of(&lb->address);

	/* Who talks to whom, and what does the packet become? */
	parsed = parse_packet(ctx, frame_length, packet);
	switch (parsed) {
	case PARSED_OTHER:
		note_for_kernel(packet);
		return VERDICT_NOT_OURS;
	case PARSED_BROKEN:
		return is_vip(packet->flow.vip) ? VERDICT_MALFORMED : VERDICT_NOT_OURS;
	case PARSED_LATER_FRAGMENT:
		verdict = recall_translation(packet, &to);
		break;
	default:
		verdict = find_connection(ctx, packet, parsed, lb, nat, &to);
	}
	if (verdict != VERDICT_FORWARDED)
		return verdict;
	packet->backend = to.backend;
	if (is_first_fragment(packet->ip))
		note_translation(packet, &to);

	/* Which way to the backend, or back to the client? */
	verdict =
		find_nexthop(ctx, nexthop_id(&to), to.becomes.source, to.becomes.destination, &hop);
	if (verdict != VERDICT_FORWARDED)
		return verdict;

	/* Send it there as a router would, under its new addresses. */
	if (packet->ip->ttl <= 1)
		return time_exceeded(ctx, packet, parsed, us);
	if (packet->length > hop->mtu)
		return too_big(ctx, packet, parsed, hop->mtu, us);
	decrement_ttl(packet->ip);
	if (parsed == PARSED_LATER_FRAGMENT)
		translate_addresses(packet->ip, to.becomes.source, to.becomes.destination);
	else if (parsed == PARSED_ICMP_ERROR ? translate_icmp_error(ctx, packet, &to.becomes)
					     : translate(ctx, packet, &to.becomes))
		return VERDICT_BUG;
	if (rewrite_l2(ctx, packet, hop, 0) < 0)
		return VERDICT_BUG;
	return forward(ctx, hop);
}

SEC("xdp")
int xdp_nat(struct xdp_md *ctx)
{
	__u32 frame_length = ctx->data_end - ctx->data;
	struct packet packet;
	enum verdict verdict = balance(ctx, frame_length, &packet);

	return conclude(&packet, verdict, frame_length);
}

/* The same for an MTU above about 3500, whose frames are in several pages: `sec xdp.frags`. */
SEC("xdp.frags")
int xdp_nat_frags(struct xdp_md *ctx)
{
	__u32 frame_length = bpf_xdp_get_buff_len(ctx);
	struct packet packet;
	enum verdict verdict = balance(ctx, frame_length, &packet);

	return conclude(&packet, verdict, frame_length);
}

char _license[] SEC("license") = "GPL";
