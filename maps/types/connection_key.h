/* SPDX-License-Identifier: GPL-2.0-only */
/* How a connection is told from others: the key of every map of connections. */
#ifndef MAPS_TYPES_CONNECTION_KEY_H
#define MAPS_TYPES_CONNECTION_KEY_H

#include <linux/types.h>

/* Addresses and ports of a packet, as it is on the wire. All in network byte order. */
struct connection_key {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 unused[3];
};

_Static_assert(sizeof(struct connection_key) == 16, "no padding");

#endif
