/* SPDX-License-Identifier: GPL-2.0-only */
/* What xdp_nat makes of a packet. */
#ifndef MAPS_TYPES_TRANSLATION_H
#define MAPS_TYPES_TRANSLATION_H

#include <linux/types.h>

#include "address.h"

enum direction {
	DIRECTION_REQUEST = 0, /* client -> VIP, becomes load balancer -> backend */
	DIRECTION_REPLY = 1,   /* backend -> load balancer, becomes VIP -> client */
};

/* Its addresses and ports become these (network byte order). The family may be another one than
 * before: then all of the IP header is replaced. */
struct translation {
	union address source;
	union address destination;
	__be16 source_port;
	__be16 destination_port;
	__u16 backend;	/* id; a request's next hop is kept under it */
	__u8 direction; /* enum direction */
	__u8 protocol;	/* which does not change */
	__u8 family;	/* of both addresses: 4 or 6 */
	__u8 unused[3];
};

_Static_assert(sizeof(struct translation) == 44, "no padding");

#endif
