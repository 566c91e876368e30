/* SPDX-License-Identifier: GPL-2.0-only */
/* destinations: a filter in front of services. Its index is the last two octets of a packet's
 * destination address, of either family. If no VIP ends in them, the packet is for nobody here, and
 * one look was enough; what the filter lets through may still be for nobody. */
#ifndef MAPS_DESTINATIONS_H
#define MAPS_DESTINATIONS_H

#include <bpf/bpf_endian.h>

#include "types/address.h"
#include "types/map.h"

struct destination {
	__u32 vips; /* how many VIPs end in these two octets */
	__u32 lent; /* NAT: 1 if an address does whose ports have been lent */
	/* How often services of these VIPs have changed. Count it up after a change: then every
	 * packet sees the change at once; otherwise within 2.5 s (headers/lb/cache.h). */
	__u32 changes;
	/* NAT: 1 if packets to an address that ends so have gone over to the other family. */
	__u32 crosses;
};

_Static_assert(sizeof(struct destination) == 16, "no padding");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct destination);
	__uint(pinning, MAP_PINNING);
} destinations SEC(".maps");

/* Returns the entry for an address. */
static __always_inline struct destination *find_destination(const union address *address,
							    __u8 family)
{
	__u32 key = bpf_ntohl(family == 4 ? address->words[0] : address->words[3]) & 0xffff;

	return bpf_map_lookup_elem(&destinations, &key);
}

/* Returns whether a packet to this address may be for us: 0 is certain. */
static __always_inline int may_be_ours(const union address *address, __u8 family)
{
	struct destination *destination = find_destination(address, family);

	return destination && (destination->vips || destination->lent);
}

#endif
