/* SPDX-License-Identifier: GPL-2.0-only */
/* Whom a decapsulator believes: the map decap_addresses says so. Asking it about three addresses
 * costs more than all the rest that is done for a packet, so its answer is kept
 * (headers/lb/cache.h): an address that is taken out of the map is refused 0.25 to 2.5 s later. */
#ifndef HEADERS_DECAP_TRUST_H
#define HEADERS_DECAP_TRUST_H

#include "../../maps/decap_addresses.h"
#include "../../maps/decap_stats.h"
#include "../lb/cache.h"
#include "../packet/hash.h"

/* Not a verdict yet: the next step decides. It is the first number behind the counters, so that
 * nothing could ever count it. */
#define DECAP_GO_ON DECAP_VERDICTS

#define TRUSTED 4096

struct trusted {
	__be32 source;	    /* of the outer header: a load balancer */
	__be32 destination; /* of the outer header: this host */
	__be32 vip;	    /* of the inner header: its destination */
	__u32 unused;
	__u64 expires; /* in jiffies */
};

/* The program's own: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TRUSTED);
	__type(key, __u32);
	__type(value, struct trusted);
} trusted SEC(".maps");

/* Returns DECAP_GO_ON for a tunnel packet from a load balancer of ours to this host, for a
 * VIP of ours, or why it is refused. Addresses are in network byte order. */
static __always_inline enum decap_verdict trust(__be32 source, __be32 destination, __be32 vip)
{
	__u32 index = spread(source ^ vip, TRUSTED);
	struct trusted *known = bpf_map_lookup_elem(&trusted, &index);
	__u64 now = bpf_jiffies64();
	struct decap_entry *host;
	union address address;

	if (!known)
		return DECAP_BUG;
	if (known->source == source && known->destination == destination && known->vip == vip &&
	    now < known->expires)
		return DECAP_GO_ON;

	address = ipv4_address(source);
	if (!decap_allows(&address, 4, DECAP_LB))
		return DECAP_SOURCE_REFUSED;
	address = ipv4_address(destination);
	host = decap_allows(&address, 4, DECAP_HOST);
	if (!host || !(host->tunnels & DECAP_IPIP))
		return DECAP_DESTINATION_REFUSED;
	address = ipv4_address(vip);
	if (!decap_allows(&address, 4, DECAP_VIP))
		return DECAP_VIP_REFUSED;
	*known = (struct trusted){source, destination, vip, 0, now + ABOUT_A_SECOND};
	return DECAP_GO_ON;
}

#endif
