/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_ipip: a load balancer in front of servers that may stand in other networks. It wraps the
 * client's packet into another one for the backend (IP in IP); the backend unwraps it, sees the
 * client's address, and answers the client directly, from the VIP.
 *
 *   packet -> flow -> service -> slot -> backend -> next hop -> encapsulate -> out
 *
 *   packet                                            verdict
 *   ------------------------------------------------  ----------------------------------------
 *   not IPv4, or not for a service                     PASS, not one byte changed
 *   TCP or UDP for a service                           to the backend, TTL one less
 *   ICMP error about a packet of a service             to the backend that has that connection
 *   first fragment for a service                       to the backend, and noted
 *   later fragment                                     after its first one; else DROP if for a VIP
 *   lengths that disagree, for a VIP                   DROP
 *   no usable backend, no route, no neighbour          DROP
 *   TTL 1                                              ICMP time exceeded to the client
 *   too big once encapsulated, DF set                  ICMP fragmentation needed to the client
 *   too big once encapsulated, DF clear                DROP: XDP cannot fragment
 *   next hop on another interface                      REDIRECT, without VLAN tags
 */
#include "../headers/fragments.h"
#include "../headers/icmp.h"
#include "../headers/ipip.h"
#include "../headers/nexthop.h"
#include "../headers/packet.h"
#include "../headers/select.h"
#include "../maps/stats.h"

/* The packet's TTL ends at this hop: tell the client, as a router does. */
static __always_inline enum verdict time_exceeded(struct xdp_md *ctx, const struct packet *packet,
						  enum parsed parsed, __be32 us)
{
	if (parsed != PARSED_FLOW)
		return VERDICT_TTL_EXPIRED;
	if (!within_icmp_budget())
		return VERDICT_ICMP_LIMITED;
	if (make_icmp_error(ctx, packet, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0, us))
		return VERDICT_BUG;
	return VERDICT_TTL_ANSWERED;
}

/* The packet does not fit into the tunnel: tell the client what does, as the VIP (RFC 1191). */
static __always_inline enum verdict too_big(struct xdp_md *ctx, const struct packet *packet,
					    enum parsed parsed, __u32 mtu)
{
	if (parsed != PARSED_FLOW || !(packet->ip->frag_off & bpf_htons(IP_DONT_FRAGMENT)))
		return VERDICT_TOO_BIG;
	if (!within_icmp_budget())
		return VERDICT_ICMP_LIMITED;
	if (make_icmp_error(ctx, packet, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
			    mtu - sizeof(struct iphdr), packet->ip->daddr))
		return VERDICT_BUG;
	return VERDICT_TOO_BIG_ANSWERED;
}

static __always_inline enum verdict balance(struct xdp_md *ctx, __u32 frame_length)
{
	struct load_balancer *lb = this_load_balancer();
	struct service *service;
	struct backend *backend;
	struct nexthop *hop;
	struct packet packet;
	enum parsed parsed;
	enum verdict verdict;
	__be32 us, them;
	__u32 id;

	/* Who talks to whom? */
	parsed = parse_packet(ctx, frame_length, &packet);
	if (parsed == PARSED_OTHER)
		return VERDICT_NOT_OURS;
	if (parsed == PARSED_BROKEN)
		return is_vip(packet.flow.vip) ? VERDICT_MALFORMED : VERDICT_NOT_OURS;
	if (!lb)
		return VERDICT_BUG;

	/* Which service is it for, and which backend has the flow? */
	if (parsed == PARSED_LATER_FRAGMENT) {
		id = recall_fragment(&packet);
		if (!id)
			return is_vip(packet.flow.vip) ? VERDICT_FRAGMENT_UNKNOWN
						       : VERDICT_NOT_OURS;
	} else {
		service = find_service(&packet.flow);
		if (!service)
			return VERDICT_NOT_OURS;
		id = select_backend(service, &packet.flow, lb);
	}
	backend = usable_backend(id);
	if (!backend)
		return VERDICT_NO_BACKEND;
	if (is_first_fragment(packet.ip))
		note_fragment(&packet, id);

	/* Which way to the backend? */
	us = ipv4_of(&lb->address);
	them = ipv4_of(&backend->address);
	if (!us)
		return VERDICT_NO_ADDRESS;
	verdict = find_nexthop(ctx, id, us, them, &hop);
	if (lb->flags & LB_DEBUG)
		bpf_printk("ipip: %pI4:%d -> %pI4:%d: backend %d, %pI4: verdict %d",
			   &packet.flow.client, bpf_ntohs(packet.flow.client_port),
			   &packet.flow.vip, bpf_ntohs(packet.flow.vip_port), id, &backend->address,
			   verdict);
	if (verdict != VERDICT_FORWARDED)
		return verdict;

	/* Send it there, as a router would. */
	if (packet.ip->ttl <= 1)
		return time_exceeded(ctx, &packet, parsed, us);
	if (packet.length + sizeof(struct iphdr) > hop->mtu)
		return too_big(ctx, &packet, parsed, hop->mtu);
	decrement_ttl(packet.ip);
	if (push_ipip(ctx, &packet, hop, us, them))
		return VERDICT_BUG;
	return forward(ctx, hop);
}

SEC("xdp")
int xdp_ipip(struct xdp_md *ctx)
{
	__u32 frame_length = ctx->data_end - ctx->data;

	return conclude(balance(ctx, frame_length), frame_length);
}

/* The same for interfaces whose frames do not fit into one page: `sec xdp.frags`. */
SEC("xdp.frags")
int xdp_ipip_frags(struct xdp_md *ctx)
{
	__u32 frame_length = bpf_xdp_get_buff_len(ctx);

	return conclude(balance(ctx, frame_length), frame_length);
}

char _license[] SEC("license") = "GPL";
