/* SPDX-License-Identifier: GPL-2.0-only */
/* The IPv4 header (RFC 791): how it is read, its checksum, its TTL. */
#ifndef HEADERS_PACKET_IPV4_H
#define HEADERS_PACKET_IPV4_H

#include <linux/ip.h>
#include <bpf/bpf_endian.h>

#include "checksum.h"
#include "cursor.h"

#define IP_MORE_FRAGMENTS 0x2000
#define IP_DONT_FRAGMENT 0x4000
#define IP_FRAGMENT_OFFSET 0x1fff

/* Steps over an IPv4 header with its options and returns the protocol behind it. `length` is what
 * there is from the header's first byte on; the header may not claim more. */
static __always_inline int parse_ipv4(struct cursor *cursor, __u32 length)
{
	struct iphdr *ip = cursor->pos;
	__u32 header, total;

	if ((void *)(ip + 1) > cursor->end)
		return -1;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header < sizeof(*ip) || total < header || total > length)
		return -1;
	cursor->pos += header;
	return ip->protocol;
}

static __always_inline int is_fragment(const struct iphdr *ip)
{
	return ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET);
}

static __always_inline int is_later_fragment(const struct iphdr *ip)
{
	return ip->frag_off & bpf_htons(IP_FRAGMENT_OFFSET);
}

/* Returns the checksum of an IPv4 header without options, whose own check field counts as 0. */
static __always_inline __u16 ipv4_checksum(const struct iphdr *ip)
{
	const __u16 *words = (const void *)ip;
	__u64 sum = 0;

	for (int i = 0; i < (int)(sizeof(*ip) / sizeof(*words)); i++)
		sum += i == 5 ? 0 : words[i]; /* word 5 is the check field */
	return ~checksum_fold(sum);
}

/* Takes one hop off a packet's TTL, as a router does, and corrects its checksum. The caller has
 * made sure that the TTL is above 1. */
static __always_inline void decrement_ttl(struct iphdr *ip)
{
	/* Both bytes of a word at once: a byte that is written, and then read as part of a word,
	 * would have to wait for its way through the cache. */
	__u16 *ttl_and_protocol = (void *)&ip->ttl;
	__u16 before = *ttl_and_protocol, after = before - bpf_htons(1 << 8);

	*ttl_and_protocol = after;
	ip->check = checksum_update(ip->check, checksum_delta16(before, after));
}

#endif
