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

/* The longest header that is written here. */
struct link_header {
	__u8 destination[ETH_ALEN];
	__u8 source[ETH_ALEN];
	union {
		__be16 type; /* without tags */
		struct {
			struct vlan_tag outer;
			union {
				__be16 type_in_vlan;
				struct {
					struct vlan_tag inner;
					__be16 type_in_two;
				};
			};
		};
	};
};

_Static_assert(sizeof(struct link_header) == MAX_L2_LENGTH, "no padding");

static __always_inline int link_length(const struct nexthop *hop)
{
	int tags = !!hop->outer.protocol + !!hop->inner.protocol;

	return sizeof(struct ethhdr) + tags * (int)sizeof(struct vlan_tag);
}

/* Gives a packet the link-layer header of its way to `hop`, `gap` bytes in front of its IP header;
 * `family` is what stands behind it then. VLAN tags are those of the way: none if the route leads
 * through no VLAN device, whatever the packet came with. Returns the new header's length, or -1 if
 * there is no headroom. If there is a gap or the number of tags changes, the packet moves:
 * packet->ip and packet->transport are not valid any more. */
static __always_inline int rewrite_l2(const struct packet *packet, const struct nexthop *hop,
				      int gap, __u8 family)
{
	struct xdp_md *ctx = packet->ctx;
	int length = link_length(hop);
	int room = (int)packet->l2_length - length - gap;
	struct link_header *link;

	if (room && bpf_xdp_adjust_head(ctx, room))
		return -1;
	link = (void *)(long)ctx->data;
	if ((void *)(link + 1) > (void *)(long)ctx->data_end) /* an IP header is behind it */
		return -1;
	__builtin_memcpy(link->destination, hop->destination, ETH_ALEN);
	__builtin_memcpy(link->source, hop->source, ETH_ALEN);
	if (!hop->outer.protocol) {
		link->type = ether_type(family);
		return length;
	}
	link->outer = hop->outer;
	if (!hop->inner.protocol) {
		link->type_in_vlan = ether_type(family);
		return length;
	}
	link->inner = hop->inner;
	link->type_in_two = ether_type(family);
	return length;
}

#endif
