/* SPDX-License-Identifier: GPL-2.0-only */
/* nexthops: what the kernel's FIB last said about the way to a backend, by backend id; and, where
 * answers pass here (NAT), about the way to a client, by a hash of the client's address. */
#ifndef MAPS_NEXTHOPS_H
#define MAPS_NEXTHOPS_H

#include <linux/if_ether.h>

#include "backends.h"
#include "map.h"

#define CLIENT_NEXTHOPS 4096 /* behind those of the backends */

struct nexthop {
	__u8 destination[ETH_ALEN]; /* MAC addresses in the order of the wire */
	__u8 source[ETH_ALEN];
	__u32 ifindex;
	__be32 address; /* the IPv4 address that was asked for: an id may get a new owner */
	__u32 mtu;	/* of the route, in bytes of IP packet */
	__u64 expires;	/* in jiffies; after that the FIB is asked again */
};

_Static_assert(sizeof(struct nexthop) == 32, "no padding");

/* Per CPU: written by the packet path alone, without locks. The shell only reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_BACKENDS + CLIENT_NEXTHOPS);
	__type(key, __u32);
	__type(value, struct nexthop);
	__uint(pinning, MAP_PINNING);
} nexthops SEC(".maps");

#endif
