/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of a tunnel: struct tunnel is a frame with a packet inside of a packet, and pop_outer()
 * takes the outer one off. What is the same for every tunnel stands here; its family is the outer
 * packet's, the inner one is of either one. */
#ifndef HEADERS_TUNNEL_POP_H
#define HEADERS_TUNNEL_POP_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "../packet/checksum.h"
#include "../packet/cursor.h"
#include "../packet/ethernet.h"
#include "../packet/ip.h"
#include "../packet/link.h"

/* Each function of this folder has a cursor beside it, which stands where the next header begins.
 */
struct tunnel {
	struct xdp_md *ctx;
	__u32 frame_length; /* in bytes, Ethernet header included */
	__u32 l2_length;    /* Ethernet header and VLAN tags */
	__u8 family;	    /* of the outer packet: 4 or 6 */
	__u8 inner_family;
	__u8 kind;	     /* which tunnel it is; for whoever calls */
	__u8 inner_is_piece; /* 1: it is a later fragment, and has no ports */
	int protocol;	     /* what the outer header says is behind it */
	int inner_protocol;  /* what the inner packet carries, behind its extension headers */
	__u32 overhead;	     /* what has been stepped over, outer IP header included */
	__u32 left;	     /* what the outer packet has from the cursor on */
	/* What is known of the outer packet when it is gone: see remember_outer(). */
	union address to; /* its destination */
	__u8 mark;	  /* 0, or HANDED_ON */
	__u8 is_flood;	  /* 1: it begins a connection, as too many others do; for whoever calls */
	/* These are not valid any more after pop_outer(). */
	union {
		void *outer; /* IP headers, checked to be there */
		struct iphdr *outer4;
		struct ipv6hdr *outer6;
	};
	union {
		void *inner;
		struct iphdr *inner4;
		struct ipv6hdr *inner6;
	};
};

/* Steps over a header of so many bytes. Returns 0, or -1 if the outer packet ends before that. */
static __always_inline int step_over(struct cursor *cursor, struct tunnel *tunnel, __u32 bytes)
{
	if (bytes > tunnel->left)
		return -1;
	cursor->pos += bytes;
	tunnel->overhead += bytes;
	tunnel->left -= bytes;
	return 0;
}

/* Reads the outer IP header. Returns 0, or -1 if lengths disagree, or if it has options: no load
 * balancer of ours sends any. (Extension headers: the caller has seen that there are none.) */
static __always_inline int parse_outer(struct cursor *cursor, struct tunnel *tunnel)
{
	__u32 length = tunnel->frame_length - tunnel->l2_length;

	tunnel->outer = cursor->pos;
	tunnel->overhead = ip_length(tunnel->family);
	if (tunnel->family == 4) {
		if (parse_ipv4(cursor, length) < 0 ||
		    tunnel->outer4->ihl * 4 != sizeof(struct iphdr))
			return -1;
		tunnel->left = bpf_ntohs(tunnel->outer4->tot_len) - sizeof(struct iphdr);
	} else {
		if (parse_ipv6(cursor, length) < 0)
			return -1;
		tunnel->left = bpf_ntohs(tunnel->outer6->payload_len);
	}
	return 0;
}

static __always_inline enum chain parse_inner_ipv4(struct cursor *cursor, struct tunnel *tunnel)
{
	struct iphdr *inner = cursor->pos;

	if ((void *)(inner + 1) > cursor->end)
		return CHAIN_BROKEN;
	tunnel->inner = inner;
	tunnel->inner_protocol = parse_ipv4(cursor, tunnel->left);
	tunnel->inner_is_piece = !!is_later_fragment(inner);
	if (tunnel->inner_protocol < 0 || bpf_ntohs(inner->tot_len) != tunnel->left)
		return CHAIN_BROKEN;
	return CHAIN_READ;
}

static __always_inline enum chain parse_inner_ipv6(struct cursor *cursor, struct tunnel *tunnel)
{
	struct ipv6hdr *inner = cursor->pos;
	__u32 at = tunnel->l2_length + tunnel->overhead;
	struct chain_walk walk = {
		.ctx = tunnel->ctx,
		.at = at + sizeof(*inner),
		.end = at + tunnel->left,
	};
	enum chain chain;

	if ((void *)(inner + 1) > cursor->end)
		return CHAIN_BROKEN;
	tunnel->inner = inner;
	tunnel->inner_protocol = parse_ipv6(cursor, tunnel->left);
	if (tunnel->inner_protocol < 0 ||
	    sizeof(*inner) + bpf_ntohs(inner->payload_len) != tunnel->left)
		return CHAIN_BROKEN;
	if (!is_extension(tunnel->inner_protocol))
		return CHAIN_READ;
	walk.protocol = tunnel->inner_protocol;
	chain = walk_chain(&walk);
	tunnel->inner_protocol = walk.protocol;
	tunnel->inner_is_piece = !!(walk.fragment & bpf_htons(IPV6_FRAGMENT_OFFSET));
	cursor->pos += (walk.at - walk.start) & (2 * MAX_EXTENSION_BYTES - 1);
	return chain;
}

/* Reads the inner packet, which must be exactly what is left of the outer one. Returns how its
 * headers were read. */
static __always_inline enum chain parse_inner(struct cursor *cursor, struct tunnel *tunnel)
{
	return tunnel->inner_family == 4 ? parse_inner_ipv4(cursor, tunnel)
					 : parse_inner_ipv6(cursor, tunnel);
}

/* Notes what somebody may want to know when the outer packet has been taken off. */
static __always_inline void remember_outer(struct tunnel *tunnel)
{
	if (tunnel->family == 4) {
		tunnel->to = ipv4_address(tunnel->outer4->daddr);
		tunnel->mark = tunnel->outer4->id == bpf_htons(HANDED_ON);
	} else {
		tunnel->to = ipv6_address(&tunnel->outer6->daddr);
		tunnel->mark = (*(__be32 *)tunnel->outer6 & bpf_htonl(IPV6_FLOW_LABEL)) ==
			       bpf_htonl(HANDED_ON);
	}
}

/* Takes off what is in front of the inner packet. The Ethernet header and its tags stay, and the
 * inner packet follows them. Returns 0 or -1. */
static __always_inline int pop_outer(const struct tunnel *tunnel)
{
	if (move_l2(tunnel->ctx, tunnel->l2_length, tunnel->overhead))
		return -1;
	if (tunnel->inner_family == tunnel->family)
		return 0;
	return set_ether_type(tunnel->ctx, tunnel->l2_length, ether_type(tunnel->inner_family));
}

#endif
