/* SPDX-License-Identifier: GPL-2.0-only */
/* When is it a flood? When more connections are begun than `lb decap set cookies` says: in a
 * second, on a CPU, at a port of a VIP. */
#ifndef HEADERS_DECAP_FLOOD_H
#define HEADERS_DECAP_FLOOD_H

#include <linux/in.h>

#include "../../maps/decap_settings.h"
#include "../lb/budget.h"
#include "../packet/hash.h"
#include "../packet/tcp_udp.h"
#include "trust.h"

#define SECOND 1000000000ULL /* in ns */

/* Ports that share an element by chance have one budget together. */
#define SYN_BUDGETS 256

/* The programs' own: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SYN_BUDGETS);
	__type(key, __u32);
	__type(value, struct budget);
} syn_budgets SEC(".maps");

static __always_inline int is_syn(const struct tcphdr *tcp)
{
	__u8 flags = ((const __u8 *)tcp)[13];

	return (flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) == TCP_SYN;
}

/* Returns whether the inner packet is a SYN, and too many came before it. The cursor stands behind
 * its IP header. */
static __always_inline int is_flood(const struct tunnel *tunnel, const struct cursor *cursor)
{
	struct tcphdr *tcp = cursor->pos;
	struct decap_settings *settings;
	struct budget *budget;
	union address vip;
	__u32 index;

	if (tunnel->inner_protocol != IPPROTO_TCP)
		return 0;
	settings = this_decap_settings();
	if (!settings || !settings->cookies)
		return 0;
	if (tunnel->inner_is_piece || (void *)(tcp + 1) > cursor->end || !is_syn(tcp))
		return 0;
	vip = destination_at(tunnel->inner, tunnel->inner_family);
	index = spread(fold(&vip, tunnel->inner_family) ^ tcp->dest, SYN_BUDGETS);
	budget = bpf_map_lookup_elem(&syn_budgets, &index);
	return budget && !is_within(budget, bpf_ktime_get_coarse_ns(), SECOND, settings->cookies);
}

#endif
