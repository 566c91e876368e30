/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP errors (RFC 792, RFC 1191): they tell the sender why its packet cannot go on. */
#ifndef HEADERS_LB_ANSWER_H
#define HEADERS_LB_ANSWER_H

#include "../../maps/types/map.h"
#include "../packet/ethernet.h"
#include "../packet/icmp.h"
#include "../packet/ipv4.h"
#include "../packet/packet.h"
#include "cache.h"
#include "verdict.h"

/* At most so many errors in about a second on each CPU (RFC 1812, 4.3.2.8 asks for a limit). */
#define ICMP_BURST 100

#define ICMP_TTL 64
#define MAX_IP_HEADER 60
#define ICMP_QUOTE 8 /* bytes of the packet behind its IP header: as much as RFC 792 asks for */
#define MAX_ICMP_ERROR (sizeof(struct icmp_header) + MAX_IP_HEADER + ICMP_QUOTE)

struct icmp_budget {
	__u64 period_end; /* in jiffies */
	__u64 sent;
};

/* The programs' own: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct icmp_budget);
} icmp_budgets SEC(".maps");

static __always_inline int within_icmp_budget(void)
{
	__u32 key = 0;
	struct icmp_budget *budget = bpf_map_lookup_elem(&icmp_budgets, &key);
	__u64 now = bpf_jiffies64();

	if (!budget)
		return 0;
	if (now >= budget->period_end) {
		budget->period_end = now + ABOUT_A_SECOND;
		budget->sent = 0;
	}
	return budget->sent++ < ICMP_BURST;
}

/* Returns whether nobody may be told (RFC 1122, 3.2.2): the sender is no single host, or is this
 * machine. */
static __always_inline int is_unanswerable(const struct iphdr *ip, __be32 own_address)
{
	__u8 first = *(__u8 *)&ip->saddr;

	return first == 0 || first == 127 || first >= 224 || ip->saddr == ip->daddr ||
	       ip->saddr == own_address;
}

/* Returns the sum over `length` bytes (even, at most MAX_ICMP_ERROR) from `start` on. */
static __always_inline __u64 sum_words(void *start, __u32 length, void *end)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < MAX_ICMP_ERROR; i += 2) {
		__u16 *word = start + i;

		if (i >= length || (void *)(word + 1) > end)
			break;
		sum += *word;
	}
	return sum;
}

/* What an error says, and in whose name. */
struct icmp_error {
	__u8 type;
	__u8 code;
	__u16 mtu;     /* for ICMP_FRAG_NEEDED, in bytes; else 0 */
	__be32 source; /* IPv4 address */
};

/* Sends the frame back to the machine that it came from. */
static __always_inline void turn_back(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
}

/* Turns the packet into an ICMP error to its sender, with the packet's first bytes as the quote, to
 * be sent out of the interface that it came in by. Returns 0, or -1: drop it. */
static __always_inline int make_icmp_error(const struct packet *packet, struct icmp_error error)
{
	struct xdp_md *ctx = packet->ctx;
	__u32 l2_length = bounded_l2_length(packet->l2_length);
	__u32 quote = packet->ip->ihl * 4 + ICMP_QUOTE;
	__be32 client = packet->ip->saddr;
	struct iphdr *ip;
	struct icmp_header *icmp;

	/* Cut the frame to what is quoted, then open a gap for the new headers. */
	if (bpf_xdp_adjust_tail(ctx, (int)(l2_length + quote) - (int)bpf_xdp_get_buff_len(ctx)))
		return -1;
	if (move_l2(ctx, l2_length, -(int)(sizeof(*ip) + sizeof(*icmp))))
		return -1;
	ip = (void *)(long)ctx->data + l2_length;
	icmp = (void *)(ip + 1);
	if ((void *)(icmp + 1) > (void *)(long)ctx->data_end)
		return -1;

	turn_back((void *)(long)ctx->data);
	*ip = (struct iphdr){
		.version = 4,
		.ihl = sizeof(*ip) / 4,
		.tot_len = bpf_htons(sizeof(*ip) + sizeof(*icmp) + quote),
		.ttl = ICMP_TTL,
		.protocol = IPPROTO_ICMP,
		.saddr = error.source,
		.daddr = client,
	};
	ip->check = ipv4_checksum(ip);
	*icmp = (struct icmp_header){error.type, error.code, .mtu = bpf_htons(error.mtu)};
	icmp->checksum =
		~checksum_fold(sum_words(icmp, sizeof(*icmp) + quote, (void *)(long)ctx->data_end));
	return 0;
}

/* Tells the sender, if not too many have been told lately. Returns `answered` if so. */
static __always_inline enum verdict answer(const struct packet *packet, struct icmp_error error,
					   enum verdict answered)
{
	if (!within_icmp_budget())
		return VERDICT_ICMP_LIMITED;
	return make_icmp_error(packet, error) ? VERDICT_BUG : answered;
}

/* A packet's TTL ends at this hop: tells the sender, from our own address, as a router does. */
static __always_inline enum verdict time_exceeded(const struct packet *packet, __be32 own_address)
{
	struct icmp_error error = {ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0, own_address};

	if (packet->parsed != PARSED_FLOW || is_unanswerable(packet->ip, own_address))
		return VERDICT_TTL_EXPIRED;
	return answer(packet, error, VERDICT_TTL_ANSWERED);
}

/* A packet is larger than `mtu`, the largest that can go on from here: tells the sender, in the
 * name of the address that it asked for (RFC 1191). Without DF it could be fragmented, but not by
 * XDP. */
static __always_inline enum verdict too_big(const struct packet *packet, __u32 mtu,
					    __be32 own_address)
{
	struct icmp_error error = {ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu, packet->ip->daddr};

	if (packet->parsed != PARSED_FLOW || is_unanswerable(packet->ip, own_address) ||
	    !(packet->ip->frag_off & bpf_htons(IP_DONT_FRAGMENT)))
		return VERDICT_TOO_BIG;
	return answer(packet, error, VERDICT_TOO_BIG_ANSWERED);
}

#endif
