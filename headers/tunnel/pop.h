/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of a tunnel: struct tunnel is a frame with a packet inside of a packet, and pop_outer()
 * takes the outer one off. What is the same for every tunnel stands here. */
#ifndef HEADERS_TUNNEL_POP_H
#define HEADERS_TUNNEL_POP_H

#include <linux/ip.h>

#include "../packet/checksum.h"
#include "../packet/cursor.h"
#include "../packet/ethernet.h"
#include "../packet/ipv4.h"

/* Its first two fields are given by the program's entry; the parse_ function of a tunnel sets those
 * from `overhead` on. */
struct tunnel {
	struct xdp_md *ctx;
	__u32 frame_length; /* in bytes, Ethernet header included */
	__u32 l2_length;    /* Ethernet header and VLAN tags */
	__u32 overhead;	    /* what is in front of the inner packet, outer IP header included */
	/* These two are not valid any more after pop_outer(). */
	struct iphdr *outer;
	struct iphdr *inner;
	int inner_protocol; /* what the inner packet carries */
};

/* Reads the inner packet, which must be an IPv4 packet of exactly `length` bytes. Returns 0 or -1.
 */
static __always_inline int parse_inner(struct cursor *cursor, __u32 length, struct tunnel *tunnel)
{
	struct iphdr *inner = cursor->pos;

	if ((void *)(inner + 1) > cursor->end)
		return -1;
	tunnel->inner = inner;
	tunnel->inner_protocol = parse_ipv4(cursor, length);
	return tunnel->inner_protocol < 0 || bpf_ntohs(inner->tot_len) != length ? -1 : 0;
}

#define ECN_MASK 3
#define ECN_CE 3

/* Carries a congestion mark of the outer header over to the inner one (RFC 6040, 4.2). Returns 0,
 * or -1 for a packet that has to be dropped, because the inner header knows no ECN. */
static __always_inline int ecn_decapsulate(const struct tunnel *tunnel)
{
	struct iphdr *inner = tunnel->inner;
	__u16 *version_and_tos = (void *)inner;
	__u16 before = *version_and_tos;

	if ((tunnel->outer->tos & ECN_MASK) != ECN_CE || (inner->tos & ECN_MASK) == ECN_CE)
		return 0;
	if (!(inner->tos & ECN_MASK))
		return -1;
	inner->tos |= ECN_CE;
	inner->check = checksum_update(inner->check, checksum_delta16(before, *version_and_tos));
	return 0;
}

/* Takes off what is in front of the inner packet. The Ethernet header and its tags stay, and the
 * inner packet follows them. Returns 0 or -1. */
static __always_inline int pop_outer(const struct tunnel *tunnel)
{
	return move_l2(tunnel->ctx, tunnel->l2_length, tunnel->overhead);
}

#endif
