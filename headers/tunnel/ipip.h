/* SPDX-License-Identifier: GPL-2.0-only */
/* IP in IP (RFC 2003): an IPv4 header in front of a packet, and nothing between them. A tunnel is
 * three names: X_OVERHEAD, push_X() for the load balancer, parse_X() for the backend. */
#ifndef HEADERS_TUNNEL_IPIP_H
#define HEADERS_TUNNEL_IPIP_H

#include <linux/in.h>

#include "../packet/ipv4.h"
#include "../packet/link.h"
#include "pop.h"

#define IPIP_OVERHEAD sizeof(struct iphdr) /* bytes that a packet grows by */
#define IPIP_TTL 64

/* Puts an outer IPv4 header in front of a packet, from `source` to `destination` (network byte
 * order), and the link-layer header of its way to `hop`. Returns 0, or -1 if there is no headroom.
 * Invalidates packet->ip.
 *
 * The outer header has DF set and id 0 (an atomic datagram, RFC 6864): a fragmented tunnel would
 * make the backend reassemble it. DSCP and ECN are the inner ones (RFC 2983, RFC 6040). */
static __always_inline int push_ipip(const struct packet *packet, const struct nexthop *hop,
				     __be32 source, __be32 destination)
{
	__u16 length = packet->length + IPIP_OVERHEAD;
	__u8 tos = packet->ip->tos;
	int l2_length = rewrite_l2(packet, hop, IPIP_OVERHEAD);
	struct iphdr *outer;

	if (l2_length < 0)
		return -1;
	outer = (void *)(long)packet->ctx->data + bounded_l2_length(l2_length);
	if ((void *)(outer + 1) > (void *)(long)packet->ctx->data_end)
		return -1;
	*outer = (struct iphdr){
		.version = 4,
		.ihl = sizeof(*outer) / 4,
		.tos = tos,
		.tot_len = bpf_htons(length),
		.frag_off = bpf_htons(IP_DONT_FRAGMENT),
		.ttl = IPIP_TTL,
		.protocol = IPPROTO_IPIP,
		.saddr = source,
		.daddr = destination,
	};
	outer->check = ipv4_checksum(outer);
	return 0;
}

/* Reads both packets, from the outer IPv4 header on; `length` is what the frame has from there.
 * Returns 0, or -1 if they are not in full, not one exactly in the other, or if the outer header
 * has options. */
static __always_inline int parse_ipip(struct cursor *cursor, __u32 length, struct tunnel *tunnel)
{
	struct iphdr *outer = cursor->pos;

	if (parse_ipv4(cursor, length) != IPPROTO_IPIP || outer->ihl * 4 != sizeof(*outer))
		return -1;
	tunnel->outer = outer;
	tunnel->overhead = IPIP_OVERHEAD;
	return parse_inner(cursor, bpf_ntohs(outer->tot_len) - IPIP_OVERHEAD, tunnel);
}

#endif
