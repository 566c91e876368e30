/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet on its way over to the other family, and its IP header. */
#ifndef HEADERS_NAT_CROSSING_H
#define HEADERS_NAT_CROSSING_H

#include "../../maps/types/translation.h"
#include "../lb/nexthop.h"
#include "../packet/icmp.h"
#include "../packet/link.h"
#include "../packet/packet.h"
#include "../packet/sum.h"
#include "../packet/tcp_udp.h"
#include "facts.h"

/* A crossing under way. It has a place of its own, because it is too much for a program's stack. */
struct crossing {
	/* Of the packet that came: */
	__u32 frame_length;
	__u32 backend;
	__u32 l2_length;
	__u32 length;	     /* of the IP packet, */
	__u32 header_length; /* and of its headers */
	__u8 family;
	__u8 is_error; /* 1: an ICMP error */
	__u8 opens;
	__u8 unused;
	union address complains; /* where the other family says that an error comes from */
	struct translation becomes;
	struct nexthop hop;
	/* Its headers, and what is written in their place: */
	struct ip_facts facts, quoted;
	union ip_header from, to, quote_from, quote_to;
	struct icmp_header icmp_from, icmp_to;
	__u16 transport[10]; /* what a quote has behind its header: as much as a TCP header */
};

/* The programs' own: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct crossing);
} crossings SEC(".maps");

static __always_inline struct crossing *this_crossing(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&crossings, &key);
}

/* Returns by how many bytes a packet grows that goes over. (The quote of an ICMP error may grow by
 * more, if it is a fragment's; such an error is small.) */
static __always_inline int growth(const struct packet *packet, __u8 family)
{
	int grows = (int)ip_length(family) - (int)packet->header_length;

	if (packet->parsed == PARSED_ICMP_ERROR)
		grows += (int)ip_length(family) - (int)ip_length(packet->flow.family);
	if (family == 6 && packet->piece != PIECE_ALL)
		grows += sizeof(struct extension_header);
	return grows;
}

/* Reads the packet's IP header. Returns 0, or -1 if the other family cannot have the packet. */
static __always_inline int read_facts(struct xdp_md *ctx, struct crossing *crossing)
{
	int length = crossing->family == 4
			     ? read_ipv4_facts(ctx, crossing->l2_length, &crossing->from,
					       &crossing->facts)
			     : read_ipv6_facts(ctx, crossing->l2_length, crossing->length,
					       &crossing->from, &crossing->facts);

	crossing->facts.hops--;
	return length == (int)crossing->header_length ? 0 : -1;
}

/* Reads the packet's TCP header, or as much as UDP's; writes it back. Both return 0 or -1. */
static __always_inline int read_transport(struct xdp_md *ctx, struct crossing *crossing, __u32 at,
					  int is_tcp)
{
	__builtin_memset(crossing->transport, 0, sizeof(crossing->transport));
	if (is_tcp)
		return bpf_xdp_load_bytes(ctx, at, crossing->transport, sizeof(struct tcphdr));
	return bpf_xdp_load_bytes(ctx, at, crossing->transport, sizeof(struct udphdr));
}

static __always_inline int store_transport(struct xdp_md *ctx, struct crossing *crossing, __u32 at,
					   int is_tcp)
{
	if (is_tcp)
		return bpf_xdp_store_bytes(ctx, at, crossing->transport, sizeof(struct tcphdr));
	return bpf_xdp_store_bytes(ctx, at, crossing->transport, sizeof(struct udphdr));
}

static __always_inline __u64 sum_addresses(const union ip_header *header, __u8 family)
{
	if (family == 4)
		return (__u64)header->ip.saddr + header->ip.daddr;
	return sum_address((void *)&header->ip6.saddr) + sum_address((void *)&header->ip6.daddr);
}

/* Makes room for `written` bytes where the frame had `replaced` ones behind its link-layer header,
 * and gives it the link-layer header of its way on. Returns how long that is, or -1. */
static __always_inline int replace(struct xdp_md *ctx, const struct crossing *crossing,
				   __u32 replaced, __u32 written)
{
	struct packet packet = {
		.ctx = ctx,
		.l2_length = bounded_l2_length(crossing->l2_length),
		.flow.family = crossing->family,
	};

	return rewrite_l2(&packet, &crossing->hop, (int)written - (int)replaced,
			  crossing->becomes.family);
}

#endif
