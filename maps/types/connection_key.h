/* SPDX-License-Identifier: GPL-2.0-only */
/* How a connection is told from others. */
#ifndef MAPS_TYPES_CONNECTION_KEY_H
#define MAPS_TYPES_CONNECTION_KEY_H

#include <linux/types.h>

#include "address.h"

/* Addresses and ports of a packet, as it is on the wire. All in network byte order. */
struct connection_key {
	union address source;
	union address destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 family; /* of both addresses: 4 or 6 */
	__u8 unused[2];
};

/* The same for IPv4 alone, where each byte counts: the key of the maps of NAT. */
struct ipv4_key {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 unused[3];
};

_Static_assert(sizeof(struct connection_key) == 40, "no padding");
_Static_assert(sizeof(struct ipv4_key) == 16, "no padding");

#endif
