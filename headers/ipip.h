/* SPDX-License-Identifier: GPL-2.0-only */
/* IP in IP (RFC 2003): an IPv4 header is put in front of a packet, or taken off. */
#ifndef HEADERS_IPIP_H
#define HEADERS_IPIP_H

#include "../maps/nexthops.h"
#include "checksum.h"
#include "packet.h"

#define IPIP_TTL 64
#define MAX_L2_LENGTH (sizeof(struct ethhdr) + MAX_VLAN_TAGS * sizeof(struct vlan_header))

/* Moves the first `l2_length` bytes (Ethernet header and tags) by `delta` bytes: forward if
 * positive, over what stood there. Returns 0, or -1: nothing was changed. */
static __always_inline int move_l2(struct xdp_md *ctx, __u32 l2_length, int delta)
{
	__u8 l2[MAX_L2_LENGTH] = {};

	if (l2_length < sizeof(struct ethhdr) || l2_length > sizeof(l2))
		return -1;
	if (bpf_xdp_load_bytes(ctx, 0, l2, l2_length) || bpf_xdp_adjust_head(ctx, delta))
		return -1;
	return bpf_xdp_store_bytes(ctx, 0, l2, l2_length);
}

/* Puts an Ethernet and an outer IPv4 header in front of a packet: the way to `hop`, from `source`
 * to `destination` (network byte order). VLAN tags stay on a packet that leaves by the interface
 * it came in by. Returns 0, or -1 if there is no headroom. Invalidates packet->ip.
 *
 * The outer header has DF set and id 0 (an atomic datagram, RFC 6864): a fragmented tunnel would
 * cost the backend its reassembly. DSCP and ECN are the inner ones (RFC 2983, RFC 6040). */
static __always_inline int push_ipip(struct xdp_md *ctx, const struct packet *packet,
				     const struct nexthop *hop, __be32 source, __be32 destination)
{
	__u32 l2_length = packet->l2_length;
	__u16 length = packet->length + sizeof(struct iphdr);
	__u8 tos = packet->ip->tos;
	struct iphdr *outer;
	struct ethhdr *eth;
	void *data, *end;

	if (l2_length == sizeof(*eth) || hop->ifindex != ctx->ingress_ifindex) {
		/* No tags to keep: a new Ethernet header, ending 20 bytes before the packet. */
		int room = (int)l2_length - (int)sizeof(*eth) - (int)sizeof(*outer);

		if (bpf_xdp_adjust_head(ctx, room))
			return -1;
		data = (void *)(long)ctx->data;
		end = (void *)(long)ctx->data_end;
		eth = data;
		outer = (void *)(eth + 1);
		if ((void *)(outer + 1) > end)
			return -1;
		eth->h_proto = bpf_htons(ETH_P_IP);
	} else {
		if (move_l2(ctx, l2_length, -(int)sizeof(*outer)))
			return -1;
		data = (void *)(long)ctx->data;
		end = (void *)(long)ctx->data_end;
		eth = data;
		outer = data + l2_length;
		if ((void *)(eth + 1) > end || (void *)(outer + 1) > end)
			return -1;
	}
	__builtin_memcpy(eth->h_dest, hop->destination, ETH_ALEN);
	__builtin_memcpy(eth->h_source, hop->source, ETH_ALEN);
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
	inner->check = checksum_replace(inner->check, was, *version_and_tos);
	return 0;
}

#endif
