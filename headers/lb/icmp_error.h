/* SPDX-License-Identifier: GPL-2.0-only */
/* Turning a packet into an ICMP error about itself (RFC 792, RFC 1191; RFC 4443). */
#ifndef HEADERS_LB_ICMP_ERROR_H
#define HEADERS_LB_ICMP_ERROR_H

#include "../packet/ethernet.h"
#include "../packet/icmp.h"
#include "../packet/ip.h"
#include "../packet/packet.h"
#include "../packet/sum.h"

#define ICMP_TTL 64
#define ICMP_QUOTE 8 /* bytes of an IPv4 packet behind its header: as much as RFC 792 asks for */

/* What an error says, to whom, and in whose name. */
struct icmp_error {
	union address source; /* both of the family of the packet that it is about */
	union address client;
	__u32 mtu;	 /* too big: the largest that can go on, in bytes; 0: time exceeded */
	__u32 l2_length; /* of the packet that it is about: Ethernet header and VLAN tags, */
	__u32 quote;	 /* and how many bytes of it are quoted, IP header included */
	__u32 family;	 /* 4 or 6 */
};

/* Opens a gap of so many bytes (more than MAX_L2_LENGTH) in front of the IP header, and sends the
 * frame back to the machine that it came from. Returns 0 or -1. */
static __always_inline int turn_back(struct xdp_md *ctx, __u32 gap)
{
	__u16 *from, *to;

	if (bpf_xdp_adjust_head(ctx, -(int)gap))
		return -1;
	to = (void *)(long)ctx->data;
	from = (void *)to + gap;
	if ((void *)from + MAX_L2_LENGTH > (void *)(long)ctx->data_end ||
	    (void *)to + MAX_L2_LENGTH > (void *)(long)ctx->data_end)
		return -1;
	for (__u32 i = 0; i < MAX_L2_LENGTH / 2; i++)
		to[i] = from[i < 6 ? (i + 3) % 6 : i]; /* the first are the MAC addresses */
	return 0;
}

/* Returns how many bytes of the packet are quoted, an even number: RFC 4443, 2.4 (c) asks for as
 * many as fit in what every link can carry. */
static __always_inline __u32 quote_length(const struct packet *packet)
{
	__u32 room = IPV6_MIN_MTU - sizeof(struct ipv6hdr) - sizeof(struct icmp_header);

	if (packet->flow.family == 4)
		return packet->ip->ihl * 4 + ICMP_QUOTE;
	return (packet->length < room ? packet->length : room) & ~1U;
}

static __always_inline struct icmp_header icmpv4_header(const struct icmp_error *error)
{
	if (!error->mtu)
		return (struct icmp_header){ICMP_TIME_EXCEEDED, ICMP_EXC_TTL};
	return (struct icmp_header){ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
				    .mtu = bpf_htons(error->mtu)};
}

static __always_inline struct icmp_header icmpv6_header(const struct icmp_error *error)
{
	if (!error->mtu)
		return (struct icmp_header){ICMPV6_TIME_EXCEEDED, ICMP_EXC_TTL};
	return (struct icmp_header){ICMPV6_PACKET_TOO_BIG, .mtu6 = bpf_htonl(error->mtu)};
}

/* Returns the sum over `length` bytes (even, at most IPV6_MIN_MTU) from `start` on. */
static __always_inline __u64 sum_words(void *start, __u32 length, void *end)
{
	__u64 sum = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < IPV6_MIN_MTU; i += 2) {
		__u16 *word = start + i;

		if (i >= length || (void *)(word + 1) > end)
			break;
		sum += *word;
	}
	return sum;
}

/* Both write the new headers in front of the quote, behind `l2_length` bytes of link-layer header.
 * They return 0 or -1. */
static __always_inline int write_icmpv4(struct xdp_md *ctx, const struct icmp_error *error,
					__u32 l2_length)
{
	struct iphdr *ip = (void *)(long)ctx->data + l2_length;
	struct icmp_header *icmp = (void *)(ip + 1);
	__u32 length = sizeof(*icmp) + error->quote;

	if ((void *)(icmp + 1) > (void *)(long)ctx->data_end)
		return -1;
	*ip = (struct iphdr){
		.version = 4,
		.ihl = sizeof(*ip) / 4,
		.tot_len = bpf_htons(sizeof(*ip) + length),
		.ttl = ICMP_TTL,
		.protocol = IPPROTO_ICMP,
		.saddr = ipv4_of(&error->source),
		.daddr = ipv4_of(&error->client),
	};
	ip->check = ipv4_checksum(ip);
	*icmp = icmpv4_header(error);
	icmp->checksum = ~checksum_fold(sum_words(icmp, length, (void *)(long)ctx->data_end));
	return 0;
}

static __always_inline int write_icmpv6(struct xdp_md *ctx, const struct icmp_error *error,
					__u32 l2_length)
{
	struct ipv6hdr *ip6 = (void *)(long)ctx->data + l2_length;
	struct icmp_header *icmp = (void *)(ip6 + 1);
	__u32 length = sizeof(*icmp) + error->quote;

	if ((void *)(icmp + 1) > (void *)(long)ctx->data_end)
		return -1;
	*ip6 = (struct ipv6hdr){
		.version = 6,
		.payload_len = bpf_htons(length),
		.nexthdr = IPPROTO_ICMPV6,
		.hop_limit = ICMP_TTL,
	};
	__builtin_memcpy(&ip6->saddr, &error->source, sizeof(ip6->saddr));
	__builtin_memcpy(&ip6->daddr, &error->client, sizeof(ip6->daddr));
	*icmp = icmpv6_header(error);
	icmp->checksum = ~checksum_fold(
		sum_pseudo_header(&error->source, &error->client, IPPROTO_ICMPV6, length) +
		sum_words(icmp, length, (void *)(long)ctx->data_end));
	return 0;
}

/* Turns the packet into an ICMP error to its sender, with the packet's first bytes as the quote, to
 * be sent out of the interface that it came in by. Returns 0, or -1: drop it. (A function of its
 * own, not inlined: it is rare, and so does not need room on the stack of what is not.) */
__noinline int write_icmp_error(struct xdp_md *ctx, const struct icmp_error *error)
{
	__u32 l2_length;

	if (!error)
		return -1;
	l2_length = bounded_l2_length(error->l2_length);
	asm volatile("" : "+r"(l2_length)); /* no constant shall be taken out of it */

	/* Cut the frame to what is quoted, then open a gap for the new headers. */
	if (bpf_xdp_adjust_tail(ctx,
				(int)(l2_length + error->quote) - (int)bpf_xdp_get_buff_len(ctx)))
		return -1;
	if (turn_back(ctx, ip_length(error->family) + sizeof(struct icmp_header)))
		return -1;
	return error->family == 4 ? write_icmpv4(ctx, error, l2_length)
				  : write_icmpv6(ctx, error, l2_length);
}

#endif
