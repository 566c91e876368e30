/* SPDX-License-Identifier: GPL-2.0-only */
/* Telling the sender why its packet cannot go on: by an ICMP error (icmp_error.h). */
#ifndef HEADERS_LB_ANSWER_H
#define HEADERS_LB_ANSWER_H

#include "../../maps/load_balancer.h"
#include "../../maps/types/map.h"
#include "../packet/ip.h"
#include "../packet/packet.h"
#include "budget.h"
#include "cache.h"
#include "icmp_error.h"
#include "verdict.h"

/* At most so many errors in about a second on each CPU (RFC 1812, 4.3.2.8 and RFC 4443, 2.4 (f) ask
 * for a limit). */
#define ICMP_BURST 100

/* The programs' own: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct budget);
} icmp_budgets SEC(".maps");

static __always_inline int within_icmp_budget(void)
{
	__u32 key = 0;
	struct budget *budget = bpf_map_lookup_elem(&icmp_budgets, &key);

	return budget && is_within(budget, bpf_jiffies64(), ABOUT_A_SECOND, ICMP_BURST);
}

/* Returns whether nobody may be told (RFC 1122, 3.2.2; RFC 4443, 2.4 (e)): the packet is in pieces,
 * or an error itself, or the sender is no single host, or is this machine. */
static __always_inline int is_unanswerable(const struct packet *packet,
					   const struct load_balancer *lb)
{
	union address source = source_of(packet), destination = destination_of(packet);
	__u8 family = packet->flow.family;

	return packet->parsed != PARSED_FLOW || is_no_host(&source, family) ||
	       same_address(&source, &destination, family) ||
	       same_address(&source, own_address(lb, family), family);
}

/* Tells the sender, if not too many have been told lately. Returns `answered` if so. */
static __always_inline enum verdict answer(const struct packet *packet, __u32 mtu,
					   const union address *source, enum verdict answered)
{
	struct icmp_error error = {
		.source = *source,
		.client = source_of(packet),
		.mtu = mtu,
		.l2_length = packet->l2_length,
		.quote = quote_length(packet),
		.family = packet->flow.family,
	};

	if (!within_icmp_budget())
		return VERDICT_ICMP_LIMITED;
	return write_icmp_error(packet->ctx, &error) ? VERDICT_BUG : answered;
}

/* A packet's TTL ends at this hop: tells the sender, from our own address, as a router does. */
static __always_inline enum verdict time_exceeded(const struct packet *packet,
						  const struct load_balancer *lb)
{
	const union address *own = own_address(lb, packet->flow.family);

	if (is_unanswerable(packet, lb) || is_unset(own, packet->flow.family))
		return VERDICT_TTL_EXPIRED;
	return answer(packet, 0, own, VERDICT_TTL_ANSWERED);
}

/* A packet is larger than `mtu`, the largest that can go on from here: tells the sender, in the
 * name of the address that it asked for (RFC 1191, RFC 8201). An IPv4 packet without DF, and an
 * IPv6 one that every link must take (RFC 8200, 5), could be fragmented, but not by XDP. */
static __always_inline enum verdict too_big(const struct packet *packet, __u32 mtu,
					    const struct load_balancer *lb)
{
	union address asked = destination_of(packet);

	if (packet->flow.family == 6 && mtu < IPV6_MIN_MTU)
		mtu = IPV6_MIN_MTU;
	if (is_unanswerable(packet, lb) || !is_unfragmentable(packet) || packet->length <= mtu)
		return VERDICT_TOO_BIG;
	return answer(packet, mtu, &asked, VERDICT_TOO_BIG_ANSWERED);
}

#endif
