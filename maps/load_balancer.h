/* SPDX-License-Identifier: GPL-2.0-only */
/* load_balancer: this load balancer itself. One entry, key 0. */
#ifndef MAPS_LOAD_BALANCER_H
#define MAPS_LOAD_BALANCER_H

#include "types/address.h"
#include "types/map.h"

enum load_balancer_flags {
	LB_DEBUG = 1,	 /* describe each packet for a service to `bpftool prog tracelog` */
	LB_ANNOUNCE = 2, /* these are for lb watch alone: it announces VIPs, */
	LB_WORSE = 4,	 /* also those with a service that has failed, as a worse way, */
	LB_DRAINING = 8, /* and none at all: this machine shall get no packets any more */
	LB_BACKEND = 16, /* this is a backend that gives second chances (xdp_relay): it sees no
			  * flows but its own, so slots keep whose they were at every change */
};

struct load_balancer {
	union address address; /* our own IPv4 address: the source of what we send ourselves */
	__u32 hash_key[8];     /* random by default; the same on all load balancers of a group */
	__u32 flags;	       /* enum load_balancer_flags */
	__u32 window; /* for how many seconds after a change of slots unknown flows are learned; 0:
		       * connections are not tracked at all */
	/* ifindex of the device that health checks come from (headers/lb/probe.h); 0: nobody checks
	 */
	__u32 probe_device;
	/* Count it up when routes, neighbours or links have changed: then every next hop is asked
	 * for anew at once; otherwise within 2.5 s (headers/lb/cache.h). */
	__u32 routes;
	union address address6; /* our own IPv6 address */
	/* The source of outer headers: the first bits are these, the others come from the flow's
	 * hash. 0 bits: it is our own address. */
	union address source; /* IPv4 */
	union address source6;
	__u8 source_bits;
	__u8 source6_bits;
	__be16 port; /* of FOU and GUE: UDP destination port; 0: the program's own choice */
	__u32 unused;
};

_Static_assert(sizeof(struct load_balancer) == 120, "no padding");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct load_balancer);
	__uint(pinning, MAP_PINNING);
} load_balancer SEC(".maps");

/* Returns our own address of a family. */
static __always_inline const union address *own_address(const struct load_balancer *lb, __u8 family)
{
	return family == 4 ? &lb->address : &lb->address6;
}

/* Returns the entry; NULL only if the kernel had no such map. */
static __always_inline struct load_balancer *this_load_balancer(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&load_balancer, &key);
}

#endif
