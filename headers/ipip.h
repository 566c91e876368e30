/* SPDX-License-Identifier: GPL-2.0-only */
/* IP in IP (RFC 2003): an IPv4 header is put in front of a packet, or taken off. */
#ifndef HEADERS_IPIP_H
#define HEADERS_IPIP_H

#include "checksum.h"
#include "l2.h"
#include "packet.h"

#define IPIP_TTL 64

/* Puts an outer IPv4 header in front of a packet, and the link-layer header of its way to `hop`:
 * from `source` to `destination` (network byte order). Returns 0, or -1 if there is no headroom.
 * Invalidates packet->ip.
 *
 * The outer header has DF set and id 0 (an atomic datagram, RFC 6864): a fragmented tunnel would
 * cost the backend its reassembly. DSCP and ECN are the inner ones (RFC 2983, RFC 6040). */
static __always_inline int push_ipip(struct xdp_md *ctx, const struct packet *packet,
				     const struct nexthop *hop, __be32 source, __be32 destination)
{
	__u16 length = packet->length + sizeof(struct iphdr);
	__u8 tos = packet->ip->tos;
	int l2_length = rewrite_l2(ctx, packet, hop, sizeof(struct iphdr));
	struct iphdr *outer;

	if (l2_length < 0)
		return -1;
	outer = (void *)(long)ctx->data + bounded_l2_length(l2_length);
	if ((void *)(outer + 1) > (void *)(long)ctx->data_end)
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

/* Takes the outer IPv4 header (without options) off; the Ethernet header and its tags stay, and
 * the inner packet follows them. Returns 0 or -1. */
static __always_inline int pop_ipip(struct xdp_md *ctx, __u32 l2_length)
{
	return move_l2(ctx, l2_length, sizeof(struct iphdr));
}

#define ECN_MASK 3
#define ECN_CE 3

/* Carries a congestion mark of the outer header over to the inner one (RFC 6040, 4.2). Returns 0,
 * or -1 for a packet that has to be dropped, because the inner header knows no ECN. */
static __always_inline int ecn_decapsulate(const struct iphdr *outer, struct iphdr *inner)
{
	__u16 *version_and_tos = (void *)inner;
	__u16 was = *version_and_tos;

	if ((outer->tos & ECN_MASK) != ECN_CE || (inner->tos & ECN_MASK) == ECN_CE)
		return 0;
	if (!(inner->tos & ECN_MASK))
		return -1;
	inner->tos |= ECN_CE;
	inner->check = checksum_mend(inner->check, checksum_change16(was, *version_and_tos));
	return 0;
}

#endif
