/* SPDX-License-Identifier: GPL-2.0-only */
/* Whom a decapsulator believes: the map decap_addresses says so. Asking it about three addresses
 * costs more than all the rest that is done for a packet, so its answers are kept
 * (headers/lb/cache.h): an address that is taken out of the map is refused 0.25 to 2.5 s later. */
#ifndef HEADERS_DECAP_TRUST_H
#define HEADERS_DECAP_TRUST_H

#include "../../maps/decap_addresses.h"
#include "../../maps/decap_stats.h"
#include "../lb/cache.h"
#include "../packet/hash.h"
#include "../tunnel/pop.h"

/* Not a verdict yet: the next step decides. It is the first number behind the counters, so that
 * nothing could ever count it. */
#define DECAP_GO_ON DECAP_VERDICTS

#define TRUSTED 4096

/* What has been allowed: one tunnel of one load balancer to this host, for one VIP. */
struct trusted {
	union address source;	   /* of the outer header: a load balancer */
	union address destination; /* of the outer header: this host */
	union address vip;	   /* of the inner header: its destination */
	__u8 family;		   /* of source and destination */
	__u8 vip_family;
	__u8 tunnel; /* enum decap_tunnels */
	__u8 unused;
	__be16 fou_port; /* at the destination; 0: it takes no such tunnel */
	__be16 gue_port;
	__u64 expires; /* in jiffies */
};

/* The program's own: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TRUSTED);
	__type(key, __u32);
	__type(value, struct trusted);
} trusted SEC(".maps");

static __always_inline union address outer_source(const struct tunnel *tunnel)
{
	return tunnel->family == 4 ? ipv4_address(tunnel->outer4->saddr)
				   : ipv6_address(&tunnel->outer6->saddr);
}

static __always_inline union address outer_destination(const struct tunnel *tunnel)
{
	return tunnel->family == 4 ? ipv4_address(tunnel->outer4->daddr)
				   : ipv6_address(&tunnel->outer6->daddr);
}

static __always_inline union address inner_destination(const struct tunnel *tunnel)
{
	return tunnel->inner_family == 4 ? ipv4_address(tunnel->inner4->daddr)
					 : ipv6_address(&tunnel->inner6->daddr);
}

/* Returns whether an answer that is kept is about these addresses and this tunnel. */
static __always_inline int is_same(const struct trusted *a, const struct trusted *b)
{
	return a->family == b->family && a->vip_family == b->vip_family && a->tunnel == b->tunnel &&
	       same_address(&a->source, &b->source, b->family) &&
	       same_address(&a->destination, &b->destination, b->family) &&
	       same_address(&a->vip, &b->vip, b->vip_family);
}

/* Asks the map about what is not known. Returns DECAP_GO_ON and sets the ports of `asked`, or why
 * the packet is refused. */
static __always_inline enum decap_verdict ask_map(struct trusted *asked)
{
	struct decap_entry *host;

	if (!decap_allows(&asked->source, asked->family, DECAP_LB))
		return DECAP_SOURCE_REFUSED;
	host = decap_allows(&asked->destination, asked->family, DECAP_HOST);
	if (!host)
		return DECAP_DESTINATION_REFUSED;
	if (!(host->tunnels & asked->tunnel))
		return DECAP_TUNNEL_REFUSED;
	if (!decap_allows(&asked->vip, asked->vip_family, DECAP_VIP))
		return DECAP_VIP_REFUSED;
	asked->fou_port = host->tunnels & DECAP_FOU ? host->fou_port : 0;
	asked->gue_port = host->tunnels & DECAP_GUE ? host->gue_port : 0;
	return DECAP_GO_ON;
}

/* Returns DECAP_GO_ON and sets *trusted for a packet from a load balancer of ours to this host, by
 * a tunnel that it takes, for a VIP of ours. Otherwise returns why it is refused. */
static __always_inline enum decap_verdict trust(const struct tunnel *tunnel, struct trusted **found)
{
	struct trusted asked = {
		.source = outer_source(tunnel),
		.destination = outer_destination(tunnel),
		.vip = inner_destination(tunnel),
		.family = tunnel->family,
		.vip_family = tunnel->inner_family,
		.tunnel = tunnel->kind,
	};
	__u32 index = spread(fold(&asked.source, asked.family) ^ fold(&asked.vip, asked.vip_family),
			     TRUSTED);
	struct trusted *known = bpf_map_lookup_elem(&trusted, &index);
	__u64 now = bpf_jiffies64();
	enum decap_verdict verdict;

	if (!known)
		return DECAP_BUG;
	*found = known;
	if (now < known->expires && is_same(known, &asked))
		return DECAP_GO_ON;
	verdict = ask_map(&asked);
	if (verdict != DECAP_GO_ON)
		return verdict;
	asked.expires = now + ABOUT_A_SECOND;
	*known = asked;
	return DECAP_GO_ON;
}

#endif
