/* SPDX-License-Identifier: GPL-2.0-only */
/* The link-layer header that a packet leaves with. It only says where the packet goes next. */
#ifndef HEADERS_PACKET_LINK_H
#define HEADERS_PACKET_LINK_H

#include "../../maps/types/nexthop.h"
#include "ethernet.h"
#include "packet.h"

static __always_inline __be16 ether_type(__u8 family)
{
	return family == 4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
}

/* Gives a packet the link-layer header of its way to `hop`, `gap` bytes in front of its IP header;
 * `family` is what stands behind it then. VLAN tags stay on a packet that leaves by the interface
 * it came in by, and are removed if it leaves by another. Returns the new header's length, or -1 if
 * there is no headroom. If there is a gap or tags are removed, the packet moves: packet->ip and
 * packet->transport are not valid any more. */
static __always_inline int rewrite_l2(const struct packet *packet, const struct nexthop *hop,
				      int gap, __u8 family)
{
	struct xdp_md *ctx = packet->ctx;
	int tagged = packet->l2_length != sizeof(struct ethhdr);
	int keeps_tags = tagged && hop->ifindex == ctx->ingress_ifindex;
	int length = keeps_tags ? packet->l2_length : sizeof(struct ethhdr);
	int room = (int)packet->l2_length - length - gap;
	struct ethhdr *eth;

	if (keeps_tags && gap) {
		if (move_l2(ctx, length, room))
			return -1;
	} else if (room) {
		if (bpf_xdp_adjust_head(ctx, room))
			return -1;
	}
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return -1;
	__builtin_memcpy(eth->h_dest, hop->destination, ETH_ALEN);
	__builtin_memcpy(eth->h_source, hop->source, ETH_ALEN);
	if (!keeps_tags)
		eth->h_proto = ether_type(family);
	else if (family != packet->flow.family && set_ether_type(ctx, length, ether_type(family)))
		return -1;
	return length;
}

#endif
