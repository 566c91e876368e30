/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet's IP header in the other family (RFC 7915): what both headers can say is read from one,
 * and written as the other. Options and extension headers are left out. */
#ifndef HEADERS_NAT_FACTS_H
#define HEADERS_NAT_FACTS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../packet/ip.h"
#include "../packet/sum.h"

/* An IPv4 packet of up to this length may be fragmented behind us: then it fits in what every IPv6
 * link can do, once it is translated back (RFC 7915, 5.1). */
#define MAX_FRAGMENTABLE (IPV6_MIN_MTU - (sizeof(struct ipv6hdr) - sizeof(struct iphdr)))

/* A header of either family; what is behind its end is 0. */
union ip_header {
	struct iphdr ip;
	struct {
		struct ipv6hdr ip6;
		struct extension_header fragment; /* not always */
	};
	__u16 words[24];
};

/* What such a header says, in host byte order. */
struct ip_facts {
	__u16 payload; /* bytes behind the headers */
	__u16 id;      /* of a fragment; IPv4: of any packet, */
	__u16 offset;  /* in bytes, */
	__u8 more;     /* 1: it is not the last one */
	__u8 is_fragment;
	__u8 traffic_class;
	__u8 hops;
	__u8 protocol; /* of what is behind the headers */
	__u8 unused;
};

_Static_assert(sizeof(union ip_header) == 48, "no padding");

static __always_inline __u64 sum_header(const union ip_header *header)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < sizeof(*header) / sizeof(__u16); i++)
		sum += header->words[i];
	return sum;
}

/* Returns the length of a header that is written for these facts. */
static __always_inline __u32 length_for(const struct ip_facts *facts, __u8 family)
{
	return ip_length(family) +
	       (family == 6 && facts->is_fragment ? sizeof(struct extension_header) : 0);
}

/* Reads an IPv4 header, `at` bytes behind the frame's first one. Returns its length, or -1. */
static __always_inline int read_ipv4_facts(struct xdp_md *ctx, __u32 at, union ip_header *header,
					   struct ip_facts *facts)
{
	const struct iphdr *ip = &header->ip;
	__u16 fragment;

	*header = (union ip_header){};
	if (bpf_xdp_load_bytes(ctx, at, header, sizeof(*ip)))
		return -1;
	fragment = bpf_ntohs(ip->frag_off);
	*facts = (struct ip_facts){
		.payload = bpf_ntohs(ip->tot_len) - ip->ihl * 4,
		.id = bpf_ntohs(ip->id),
		.offset = (fragment & IP_FRAGMENT_OFFSET) * 8,
		.more = !!(fragment & IP_MORE_FRAGMENTS),
		.is_fragment = !!(fragment & (IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET)),
		.traffic_class = ip->tos,
		.hops = ip->ttl,
		.protocol = ip->protocol,
	};
	return ip->ihl * 4;
}

/* Reads an IPv6 header with its extension headers. `length` is what there is from its first byte
 * on. Returns the length of them all; or -1 if they cannot be left out: behind a fragment header
 * there are others, which are in the first fragment alone (RFC 7915, 5.1.1). */
static __always_inline int read_ipv6_facts(struct xdp_md *ctx, __u32 at, __u32 length,
					   union ip_header *header, struct ip_facts *facts)
{
	const struct ipv6hdr *ip6 = &header->ip6;
	struct chain_walk walk = {.ctx = ctx, .at = at + sizeof(*ip6), .end = at + length};
	__u32 extensions;
	__u16 fragment;

	*header = (union ip_header){};
	if (bpf_xdp_load_bytes(ctx, at, header, sizeof(*ip6)))
		return -1;
	walk.start = walk.at;
	walk.protocol = ip6->nexthdr;
	if (is_extension(walk.protocol) && walk_chain(&walk) != CHAIN_READ)
		return -1;
	extensions = walk.at - walk.start;
	fragment = bpf_ntohs(walk.fragment);
	*facts = (struct ip_facts){
		.payload = bpf_ntohs(ip6->payload_len) - extensions,
		.id = walk.last == EXTENSION_FRAGMENT ? bpf_ntohl(walk.fragment_id)
						      : bpf_get_prandom_u32(),
		.offset = fragment & IPV6_FRAGMENT_OFFSET,
		.more = fragment & IPV6_MORE_FRAGMENTS,
		.is_fragment = walk.last == EXTENSION_FRAGMENT,
		.traffic_class = ipv6_traffic_class(ip6),
		.hops = ip6->hop_limit,
		.protocol = walk.protocol,
	};
	if (!facts->is_fragment && (walk.fragment || walk.fragment_id))
		return -1;
	return sizeof(*ip6) + extensions;
}

static __always_inline void write_ipv4_header(const struct ip_facts *facts,
					      const union address *source,
					      const union address *destination,
					      union ip_header *header)
{
	__u32 length = sizeof(header->ip) + facts->payload;
	int dont_fragment = !facts->is_fragment && length > MAX_FRAGMENTABLE;
	__u16 fragment = facts->offset / 8 | (facts->more ? IP_MORE_FRAGMENTS : 0);

	*header = (union ip_header){};
	header->ip.version = 4;
	header->ip.ihl = sizeof(header->ip) / 4;
	header->ip.tos = facts->traffic_class;
	header->ip.tot_len = bpf_htons(length);
	header->ip.id = bpf_htons(facts->id);
	header->ip.frag_off = bpf_htons(dont_fragment ? IP_DONT_FRAGMENT : fragment);
	header->ip.ttl = facts->hops;
	header->ip.protocol = facts->protocol;
	header->ip.saddr = ipv4_of(source);
	header->ip.daddr = ipv4_of(destination);
	header->ip.check = ipv4_checksum(&header->ip);
}

/* Only what is a fragment already gets a fragment header. */
static __always_inline void write_ipv6_header(const struct ip_facts *facts,
					      const union address *source,
					      const union address *destination,
					      union ip_header *header)
{
	__u32 extensions = length_for(facts, 6) - sizeof(header->ip6);

	*header = (union ip_header){};
	*(__be32 *)header = bpf_htonl(6U << 28 | facts->traffic_class << 20);
	header->ip6.payload_len = bpf_htons(facts->payload + extensions);
	header->ip6.nexthdr = facts->is_fragment ? EXTENSION_FRAGMENT : facts->protocol;
	header->ip6.hop_limit = facts->hops;
	__builtin_memcpy(&header->ip6.saddr, source, sizeof(*source));
	__builtin_memcpy(&header->ip6.daddr, destination, sizeof(*destination));
	if (!facts->is_fragment)
		return;
	header->fragment.next = facts->protocol;
	header->fragment.offset = bpf_htons(facts->offset | facts->more);
	header->fragment.id = bpf_htonl(facts->id);
}

/* Puts a header of so many bytes into the frame, `at` bytes behind its first one. Returns 0 or -1.
 */
static __always_inline int store_header(struct xdp_md *ctx, __u32 at, union ip_header *header,
					__u32 length)
{
	if (length == sizeof(header->ip))
		return bpf_xdp_store_bytes(ctx, at, header, sizeof(header->ip)) ? -1 : 0;
	if (length == sizeof(header->ip6))
		return bpf_xdp_store_bytes(ctx, at, header, sizeof(header->ip6)) ? -1 : 0;
	return bpf_xdp_store_bytes(ctx, at, header, sizeof(*header)) ? -1 : 0;
}

/* Writes the header of a family. Returns its length. */
static __always_inline __u32 write_header(const struct ip_facts *facts, __u8 family,
					  const union address *source,
					  const union address *destination, union ip_header *header)
{
	if (family == 4)
		write_ipv4_header(facts, source, destination, header);
	else
		write_ipv6_header(facts, source, destination, header);
	return length_for(facts, family);
}

#endif
