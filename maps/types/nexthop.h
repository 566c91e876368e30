/* SPDX-License-Identifier: GPL-2.0-only */
/* The way to a neighbour: what stands in the link-layer header of a packet that goes there, and
 * what is known of the route. */
#ifndef MAPS_TYPES_NEXTHOP_H
#define MAPS_TYPES_NEXTHOP_H

#include <linux/if_ether.h>
#include <linux/types.h>

#include "address.h"
#include "vlan_tag.h"

struct nexthop {
	__u8 destination[ETH_ALEN]; /* MAC addresses in the order of the wire */
	__u8 source[ETH_ALEN];
	struct vlan_tag outer; /* VLAN tags, */
	struct vlan_tag inner; /* and the second one of two */
	__u32 ifindex;	       /* of the device that XDP sends out of */
	__u16 mtu;	       /* of the route, in bytes of IP packet */
	__u16 routes;	       /* load_balancer.routes when the FIB was asked, */
	__u32 family;	       /* 4 or 6, */
	/* and the address that it was asked for: an id may get a new owner. */
	union address address;
	__u64 expires; /* in jiffies; after that the FIB is asked again */
};

_Static_assert(sizeof(struct nexthop) == 56, "no padding");

#endif
