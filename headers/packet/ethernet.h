/* SPDX-License-Identifier: GPL-2.0-only */
/* The link-layer header, Ethernet and VLAN tags: how it is read, and how it is moved. */
#ifndef HEADERS_PACKET_ETHERNET_H
#define HEADERS_PACKET_ETHERNET_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "cursor.h"

#define MAX_VLAN_TAGS 2
#define MAX_L2_LENGTH (sizeof(struct ethhdr) + MAX_VLAN_TAGS * sizeof(struct vlan_header))

struct vlan_header {
	__be16 tci;
	__be16 next; /* EtherType of what follows the tag */
};

/* Returns the EtherType behind the Ethernet header and up to two VLAN tags (802.1Q, 802.1ad), and
 * sets *l2_length. */
static __always_inline int parse_ethernet(struct cursor *cursor, __u32 *l2_length)
{
	struct ethhdr *eth = cursor->pos;
	__be16 next;

	if ((void *)(eth + 1) > cursor->end)
		return -1;
	cursor->pos = eth + 1;
	*l2_length = sizeof(*eth);
	next = eth->h_proto;

	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		struct vlan_header *vlan = cursor->pos;

		if (next != bpf_htons(ETH_P_8021Q) && next != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > cursor->end)
			return -1;
		cursor->pos = vlan + 1;
		*l2_length += sizeof(*vlan);
		next = vlan->next;
	}
	return bpf_ntohs(next);
}

/* Returns whether a frame is for everybody or for a group: nobody sends a connection there. Or it
 * says that it comes from a group, which no machine may (IEEE 802.3, 3.2.3): all of them would get
 * our answer. */
static __always_inline int is_of_group(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	return (void *)(eth + 1) > (void *)(long)ctx->data_end ||
	       ((eth->h_dest[0] | eth->h_source[0]) & 1);
}

static __always_inline int same_mac(const __u8 *a, const __u8 *b)
{
	const __u16 *x = (const void *)a, *y = (const void *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

/* Sends a frame back to the machine that it came from. Returns 0 or -1. */
static __always_inline int swap_macs(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u8 source[ETH_ALEN];

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return -1;
	__builtin_memcpy(source, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, source, ETH_ALEN);
	return 0;
}

/* Returns a link-layer header's length, 14, 18 or 22, unchanged. The arithmetic shows the verifier
 * its bounds again: the verifier of Linux 6.1 loses them once the value is spilled to the stack. */
static __always_inline __u32 bounded_l2_length(__u32 l2_length)
{
	return sizeof(struct ethhdr) + ((l2_length - sizeof(struct ethhdr)) & 12);
}

/* Returns 0, but the verifier takes it for any number: it does not see that `any`, of which it
 * knows nothing, cancels itself out. A value that it is added to is forgotten. If branches differ
 * in nothing else, then what is behind them is verified once, and not once for each branch. */
static __always_inline __u32 unknown_zero(__u32 any)
{
	asm volatile("%0 ^= %0" : "+r"(any));
	return any;
}

/* Moves the first `l2_length` bytes (Ethernet header and tags) by `delta` bytes: forward if
 * positive, over what stood there. Returns 0, or -1: nothing was changed. (An IP header follows the
 * link-layer header, so MAX_L2_LENGTH bytes are always there.) */
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
	/* The branches below are about a length of their own: behind some of them the verifier of
	 * 6.1 goes on with one that is 4 and at least 5. clang 19 would take that one for later
	 * offsets as well, and the verifier would refuse them. */
	l2_length = bounded_l2_length(l2_length + unknown_zero(delta));
	at = (void *)(long)ctx->data;
	if ((void *)(at + 1) > (void *)(long)ctx->data_end)
		return -1;
	for (__u32 i = 0; i < MAX_L2_LENGTH / 2; i++)
		if (i < l2_length / 2)
			at->words[i] = l2.words[i];
	return 0;
}

/* Writes the EtherType at the end of a link-layer header of so many bytes. Returns 0 or -1. */
static __always_inline int set_ether_type(struct xdp_md *ctx, __u32 l2_length, __be16 type)
{
	__u32 offset = bounded_l2_length(l2_length) - sizeof(type);
	__be16 *at;

	asm volatile("" : "+r"(offset)); /* no constant shall be taken out of it */
	at = (void *)(long)ctx->data + offset;
	if ((void *)(at + 1) > (void *)(long)ctx->data_end)
		return -1;
	*at = type;
	return 0;
}

#endif
