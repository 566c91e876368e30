/* SPDX-License-Identifier: GPL-2.0-only */
/* Telling the client why its packet cannot go on: ICMP errors (RFC 792, RFC 1191). */
#ifndef HEADERS_ICMP_H
#define HEADERS_ICMP_H

#include "../maps/map.h"
#include "../maps/stats.h"
#include "checksum.h"
#include "l2.h"
#include "packet.h"

/* At most this many errors per period and CPU (RFC 1812, 4.3.2.8 asks for a limit): 40 to 400 in a
 * second, as the kernel's tick has it. */
#define ICMP_BURST 100
#define ICMP_PERIOD 250 /* jiffies: 0.25 to 2.5 s */

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
		budget->period_end = now + ICMP_PERIOD;
		budget->sent = 0;
	}
	return budget->sent++ < ICMP_BURST;
}

/* Whether nobody may be told (RFC 1122, 3.2.2): the sender is no single host, or ourselves. */
static __always_inline int is_unanswerable(const struct iphdr *ip, __be32 us)
{
	__u8 first = *(__u8 *)&ip->saddr;

	return first == 0 || first == 127 || first >= 224 || ip->saddr == ip->daddr ||
	       ip->saddr == us;
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

/* Turns the packet into an ICMP error of `type` and `code` from `source` to the packet's sender,
 * with the first bytes of the packet as its quote, to be sent out of the interface that it came in
 * by. `mtu` is for fragmentation needed, in bytes; 0 otherwise. Returns 0, or -1: drop it. */
static __always_inline int make_icmp_error(struct xdp_md *ctx, const struct packet *packet,
					   __u8 type, __u8 code, __u16 mtu, __be32 source)
{
	__u32 l2_length = bounded_l2_length(packet->l2_length);
	__u32 quote = packet->ip->ihl * 4 + ICMP_QUOTE;
	__u32 length = sizeof(struct iphdr) + sizeof(struct icmp_header) + quote;
	__u32 frame = bpf_xdp_get_buff_len(ctx);
	__be32 client = packet->ip->saddr;
	void *data, *end;
	struct ethhdr *eth;
	struct iphdr *ip;
	struct icmp_header *icmp;
	__u8 mac[ETH_ALEN];

	/* Cut the frame to what is quoted, then open a gap for the new headers. */
	if (bpf_xdp_adjust_tail(ctx, (int)(l2_length + quote) - (int)frame))
		return -1;
	if (move_l2(ctx, l2_length, -(int)(sizeof(*ip) + sizeof(*icmp))))
		return -1;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	ip = data + l2_length;
	icmp = (void *)(ip + 1);
	if ((void *)(eth + 1) > end || (void *)(icmp + 1) > end)
		return -1;

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	*ip = (struct iphdr){
		.version = 4,
		.ihl = sizeof(*ip) / 4,
		.tot_len = bpf_htons(length),
		.ttl = ICMP_TTL,
		.protocol = IPPROTO_ICMP,
		.saddr = source,
		.daddr = client,
	};
	ip->check = ipv4_checksum(ip);
	*icmp = (struct icmp_header){.type = type, .code = code, .mtu = bpf_htons(mtu)};
	icmp->checksum = ~checksum_fold(sum_words(icmp, sizeof(*icmp) + quote, end));
	return 0;
}

/* A packet's TTL ends at this hop: tells the sender, from `us`, as a router does. */
static __always_inline enum verdict time_exceeded(struct xdp_md *ctx, const struct packet *packet,
						  enum parsed parsed, __be32 us)
{
	if (parsed != PARSED_FLOW || is_unanswerable(packet->ip, us))
		return VERDICT_TTL_EXPIRED;
	if (!within_icmp_budget())
		return VERDICT_ICMP_LIMITED;
	if (make_icmp_error(ctx, packet, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0, us))
		return VERDICT_BUG;
	return VERDICT_TTL_ANSWERED;
}

/* A packet is larger than `mtu`, the largest that can go on from here: tells the sender, in the
 * name of the address that it asked for (RFC 1191). Without DF it could be fragmented, but not by
 * XDP. */
static __always_inline enum verdict too_big(struct xdp_md *ctx, const struct packet *packet,
					    enum parsed parsed, __u32 mtu, __be32 us)
{
	if (parsed != PARSED_FLOW || is_unanswerable(packet->ip, us) ||
	    !(packet->ip->frag_off & bpf_htons(IP_DONT_FRAGMENT)))
		return VERDICT_TOO_BIG;
	if (!within_icmp_budget())
		return VERDICT_ICMP_LIMITED;
	if (make_icmp_error(ctx, packet, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu,
			    packet->ip->daddr))
		return VERDICT_BUG;
	return VERDICT_TOO_BIG_ANSWERED;
}

#endif
