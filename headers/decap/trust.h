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

/* Which tunnel a packet came by. */
union way {
	struct {
		__u8 family;	 /* of the outer packet: 4 or 6 */
		__u8 vip_family; /* of the inner one */
		__u8 tunnel;	 /* enum decap_tunnels */
		__u8 unused;
	};
	__u32 word; /* all of them, to be compared and passed on at once */
};

/* What has been allowed: one tunnel of one load balancer to this host, for one VIP. */
struct trusted {
	union address source;	   /* of the outer header: a load balancer */
	union address destination; /* of the outer header: this host */
	union address vip;	   /* of the inner header: its destination */
	union way way;
	__be16 fou_port; /* of the host; 0: it takes no such tunnel */
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

/* From an IP header to its addresses. */
static __always_inline union address source_at(const void *header, __u8 family)
{
	return family == 4 ? ipv4_address(((const struct iphdr *)header)->saddr)
			   : ipv6_address(&((const struct ipv6hdr *)header)->saddr);
}

static __always_inline union address destination_at(const void *header, __u8 family)
{
	return family == 4 ? ipv4_address(((const struct iphdr *)header)->daddr)
			   : ipv6_address(&((const struct ipv6hdr *)header)->daddr);
}

/* Asks the map about a packet, and notes in `trusted` what it allows. Returns DECAP_GO_ON, or why
 * the packet is refused. (Not inlined: it is rare.) */
static __noinline enum decap_verdict ask_map(const void *outer, const void *inner, __u32 word,
					     struct trusted *trusted)
{
	union way way = {.word = word};
	struct decap_entry *host;

	trusted->expires = 0;
	trusted->way = way;
	trusted->source = source_at(outer, way.family);
	if (!decap_allows(&trusted->source, way.family, DECAP_LB))
		return DECAP_SOURCE_REFUSED;
	trusted->destination = destination_at(outer, way.family);
	host = decap_allows(&trusted->destination, way.family, DECAP_HOST);
	if (!host)
		return DECAP_DESTINATION_REFUSED;
	if (!(host->tunnels & way.tunnel))
		return DECAP_TUNNEL_REFUSED;
	trusted->vip = destination_at(inner, way.vip_family);
	if (!decap_allows(&trusted->vip, way.vip_family, DECAP_VIP))
		return DECAP_VIP_REFUSED;
	trusted->fou_port = host->tunnels & DECAP_FOU ? host->fou_port : 0;
	trusted->gue_port = host->tunnels & DECAP_GUE ? host->gue_port : 0;
	trusted->expires = bpf_jiffies64() + ABOUT_A_SECOND;
	return DECAP_GO_ON;
}

/* Returns whether an answer that is kept is about this packet. */
static __always_inline int is_about(const struct trusted *known, const struct tunnel *tunnel,
				    union way way)
{
	union address source = source_at(tunnel->outer, way.family),
		      destination = destination_at(tunnel->outer, way.family),
		      vip = destination_at(tunnel->inner, way.vip_family);

	return known->way.word == way.word && same_address(&known->source, &source, way.family) &&
	       same_address(&known->destination, &destination, way.family) &&
	       same_address(&known->vip, &vip, way.vip_family);
}

/* Returns DECAP_GO_ON and sets *found for a packet from a load balancer of ours to this host, by a
 * tunnel that it takes, for a VIP of ours. Otherwise returns why it is refused. */
static __always_inline enum decap_verdict trust(const struct tunnel *tunnel, struct trusted **found)
{
	union way way = {{tunnel->family, tunnel->inner_family, tunnel->kind}};
	union address source = source_at(tunnel->outer, way.family),
		      vip = destination_at(tunnel->inner, way.vip_family);
	__u32 index = spread(fold(&source, way.family) ^ fold(&vip, way.vip_family), TRUSTED);
	struct trusted *known = bpf_map_lookup_elem(&trusted, &index);

	if (!known)
		return DECAP_BUG;
	*found = known;
	if (bpf_jiffies64() < known->expires && is_about(known, tunnel, way))
		return DECAP_GO_ON;
	return ask_map(tunnel->outer, tunnel->inner, way.word, known);
}

#endif
