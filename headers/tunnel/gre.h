/* SPDX-License-Identifier: GPL-2.0-only */
/* GRE (RFC 2784): four bytes between the outer IP header and the packet. */
#ifndef HEADERS_TUNNEL_GRE_H
#define HEADERS_TUNNEL_GRE_H

#include <linux/if_ether.h>
#include <linux/in.h>

#include "../packet/link.h"
#include "../packet/sum.h"
#include "outer.h"
#include "pop.h"

#define GRE_OVERHEAD sizeof(struct gre_header)

struct gre_header {
	__be16 flags;	 /* and the version, 0 */
	__be16 protocol; /* EtherType of the packet */
};

/* Each of these flags says that four bytes more follow (RFC 2784, RFC 2890). */
#define GRE_CHECKSUM 0x8000
#define GRE_KEY 0x2000
#define GRE_SEQUENCE 0x1000

/* Puts an outer IP header along `path` and a GRE header in front of a packet, and the link-layer
 * header of its way to `hop`. Returns 0, or -1 if there is no headroom. Invalidates packet->ip. */
static __always_inline int push_gre(const struct packet *packet, const struct nexthop *hop,
				    const struct path *path)
{
	__u8 family = packet->flow.family;
	struct gre_header *gre = push_outer(packet, hop, path, GRE_OVERHEAD, IPPROTO_GRE);

	if (!gre)
		return -1;
	*gre = (struct gre_header){.protocol = ether_type(family)};
	return 0;
}

/* Steps over a GRE header with or without checksum, key and sequence number. The checksum, which
 * none of our load balancers sends, is verified: it goes over all of the packet. (Key and sequence
 * number say nothing here.) Returns the protocol of what is inside, or -1. */
static __always_inline int parse_gre(struct cursor *cursor, struct tunnel *tunnel)
{
	struct gre_header *gre = cursor->pos;
	__u32 at = tunnel->l2_length + tunnel->overhead, length = GRE_OVERHEAD;
	__u16 flags;

	if ((void *)(gre + 1) > cursor->end)
		return -1;
	flags = bpf_ntohs(gre->flags);
	/* Anything else: source routing, a later version, or reserved. */
	if (flags & ~(GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE))
		return -1;
	length += flags & GRE_CHECKSUM ? 4 : 0;
	length += flags & GRE_KEY ? 4 : 0;
	length += flags & GRE_SEQUENCE ? 4 : 0;
	if (flags & GRE_CHECKSUM &&
	    checksum_fold(sum_bytes(tunnel->ctx, at, tunnel->left)) != 0xffff)
		return -1;
	if (step_over(cursor, tunnel, length))
		return -1;
	if (gre->protocol == ether_type(4))
		return IPPROTO_IPIP;
	return gre->protocol == ether_type(6) ? IPPROTO_IPV6 : -1;
}

#endif
