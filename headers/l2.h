/* SPDX-License-Identifier: GPL-2.0-only */
/* The link-layer header: Ethernet and VLAN tags. Where a packet goes next, it says, and nothing
 * else. */
#ifndef HEADERS_L2_H
#define HEADERS_L2_H

#include "../maps/nexthops.h"
#include "packet.h"

#define MAX_L2_LENGTH (sizeof(struct ethhdr) + MAX_VLAN_TAGS * sizeof(struct vlan_header))

/* Returns a link-layer header's length, 14, 18 or 22, as it is: but said in a way that the verifier
 * of Linux 6.1 believes, who forgets what it has seen when a value goes over the stack. */
static __always_inline __u32 bounded_l2_length(__u32 l2_length)
{
	return sizeof(struct ethhdr) + ((l2_length - sizeof(struct ethhdr)) & 12);
}

/* Moves the first `l2_length` bytes (Ethernet header and tags) by `delta` bytes: forward if
 * positive, over what stood there. Returns 0, or -1: nothing was changed. (An IP header follows, so
 * that as much as the longest is always there.) */
static __always_inline int move_l2(struct xdp_md *ctx, __u32 l2_length, int delta)
{
	struct {
		__u16 words[MAX_L2_LENGTH / 2];
	} l2, *at = (void *)(long)ctx->data;

	if ((void *)(at + 1) > (void *)(long)ctx->data_end)
		return -1;
	l2 = *at;
	if (bpf_xdp_adjust_head(ctx, delta))
		return -1;
	at = (void *)(long)ctx->data;
	if ((void *)(at + 1) > (void *)(long)ctx->data_end)
		return -1;
	for (__u32 i = 0; i < MAX_L2_LENGTH / 2; i++)
		if (i < l2_length / 2)
			at->words[i] = l2.words[i];
	return 0;
}

/* Gives a packet the link-layer header of its way to `hop`, `gap` bytes in front of its IP header.
 * VLAN tags stay on a packet that leaves by the interface it came in by, and go if it leaves by
 * another. Returns the new header's length, or -1 if there is no headroom. With a gap or tags that
 * go, the packet moves: packet->ip and packet->transport are not valid any more. */
static __always_inline int rewrite_l2(struct xdp_md *ctx, const struct packet *packet,
				      const struct nexthop *hop, int gap)
{
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
		eth->h_proto = bpf_htons(ETH_P_IP);
	return length;
}

static __always_inline int same_mac(const __u8 *a, const __u8 *b)
{
	const __u16 *x = (const void *)a, *y = (const void *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

/* Returns whether a packet came from the very machine that it would be sent to, or from ourselves:
 * sent on, it would come back, and back again. */
static __always_inline int is_loop(struct xdp_md *ctx, const struct nexthop *hop)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return 0;
	return same_mac(eth->h_source, hop->destination) || same_mac(eth->h_source, hop->source);
}

#endif
