/* SPDX-License-Identifier: GPL-2.0-only */
/* conntrack: the connections of xdp_nat that both sides have confirmed. Two entries for each: one
 * for the client's packets, one for the backend's. */
#ifndef MAPS_CONNTRACK_H
#define MAPS_CONNTRACK_H

#include "backends.h"
#include "types/connection_key.h"
#include "types/map.h"

#ifndef MAX_CONNECTIONS
#define MAX_CONNECTIONS 131072
#endif

enum direction {
	DIRECTION_REQUEST = 0, /* client -> VIP, becomes load balancer -> backend */
	DIRECTION_REPLY = 1,   /* backend -> load balancer, becomes VIP -> client */
};

/* What is done to a packet: its addresses and ports become these (network byte order). */
struct translation {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u16 backend;	/* id; a request's next hop is kept under it */
	__u8 direction; /* enum direction */
	__u8 protocol;	/* which does not change */
};

/* As small as it can be: with many connections, every packet meets another entry, and each cache
 * line of it is another wait for memory. */
struct connection {
	struct translation translation;
	__u64 seen;   /* when the last packet of this direction came: ns since boot */
	__u32 seat;   /* of the connection, in seats */
	__u8 fin;     /* 1: this side has said that it will send no more */
	__u8 rst;     /* 1: its last packet was a reset */
	__u8 closing; /* 1, in both entries: both sides have finished, or one has reset */
	__u8 unused;
};

_Static_assert(sizeof(struct translation) == 16, "no padding");
_Static_assert(sizeof(struct connection) == 32, "no padding");
_Static_assert(MAX_BACKENDS <= 65536, "an id of a backend fits in 16 bits");

/* A hash, not an LRU: no connection is lost because others come. See seats.h for when it is full.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * MAX_CONNECTIONS);
	__type(key, struct ipv4_key);
	__type(value, struct connection);
	__uint(pinning, MAP_PINNING);
} conntrack SEC(".maps");

#endif
