/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_ipip: a load balancer in front of servers that may stand in other networks. It wraps the
 * client's packet into another one for the backend (IP in IP); the backend unwraps it, sees the
 * client's address, and answers the client directly, from the VIP.
 *
 *   packet -> flow -> service -> slot -> backend -> next hop -> encapsulate -> out
 *
 * (A VIP is an address, a service is a VIP with a protocol and a port.)
 *
 *   packet                                            verdict
 *   ------------------------------------------------  ----------------------------------------
 *   not IPv4, or not for a service                     PASS, not one byte changed
 *   TCP or UDP for a service                           to the backend, TTL one less
 *   ICMP error about a packet of a service             to the backend that has that connection
 *   first fragment for a service                       to the backend, and noted
 *   first fragment of something else for a VIP         PASS, and noted
 *   later fragment                                     after its first one; else DROP if for a VIP
 *   lengths that disagree, for a VIP                   DROP
 *   no usable backend, no route, no neighbour, ...     DROP, each with a counter of its own
 *   TTL 1                                              ICMP time exceeded from lb to the client (*)
 *   too big once encapsulated, DF set                  ICMP fragmentation needed from the VIP (*)
 *   too big once encapsulated, DF clear                DROP: XDP cannot fragment
 *   next hop on another interface                      REDIRECT, without VLAN tags
 *
 * (*) Whole TCP and UDP packets of senders that can be answered, and not too often; else DROP.
 */
#include "../headers/conclude.h"
#include "../headers/icmp.h"
#include "../headers/ipip.h"
#include "../headers/nexthop.h"
#include "../headers/packet.h"
#include "../headers/tracking.h"

static __always_inline enum verdict balance(struct xdp_md *ctx, __u32 frame_length,
					    struct packet *packet)
{
	struct load_balancer *lb = this_load_balancer();
	struct backend *backend;
	struct nexthop *hop;
	enum verdict verdict;
	enum parsed parsed;
	__be32 us, them;

	if (!lb)
		return VERDICT_BUG;

	/* Who talks to whom, and which backend has the flow? */
	parsed = parse_packet(ctx, frame_length, packet);
	verdict = find_backend(packet, parsed, lb, &backend);
	if (verdict != VERDICT_FORWARDED)
		return verdict;

	/* Which way to the backend? */
	us = ipv4_of(&lb->address);
	them = ipv4_of(&backend->address);
	if (!us)
		return VERDICT_NO_ADDRESS;
	verdict = find_nexthop(ctx, packet->backend, us, them, &hop);
	if (verdict != VERDICT_FORWARDED)
		return verdict;

	/* Send it there as a router would, in a new envelope. */
	if (packet->ip->ttl <= 1)
		return time_exceeded(ctx, packet, parsed, us);
	if (packet->length + sizeof(struct iphdr) > hop->mtu)
		return too_big(ctx, packet, parsed, hop->mtu - sizeof(struct iphdr), us);
	decrement_ttl(packet->ip);
	if (push_ipip(ctx, packet, hop, us, them))
		return VERDICT_BUG;
	return forward(ctx, hop);
}

SEC("xdp")
int xdp_ipip(struct xdp_md *ctx)
{
	__u32 frame_length = ctx->data_end - ctx->data;
	struct packet packet;
	enum verdict verdict = balance(ctx, frame_length, &packet);

	return conclude(&packet, verdict, frame_length);
}

/* The same for an MTU above about 3500, whose frames are in several pages: `sec xdp.frags`. */
SEC("xdp.frags")
int xdp_ipip_frags(struct xdp_md *ctx)
{
	__u32 frame_length = bpf_xdp_get_buff_len(ctx);
	struct packet packet;
	enum verdict verdict = balance(ctx, frame_length, &packet);

	return conclude(&packet, verdict, frame_length);
}

char _license[] SEC("license") = "GPL";
