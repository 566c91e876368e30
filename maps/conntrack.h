/* SPDX-License-Identifier: GPL-2.0-only */
/* conntrack: the connections of xdp_nat that both sides have confirmed. Two entries for each: one
 * for the client's packets, one for the backend's. */
#ifndef MAPS_CONNTRACK_H
#define MAPS_CONNTRACK_H

#include "types/connection_key.h"
#include "types/map.h"

#ifndef MAX_CONNECTIONS
#define MAX_CONNECTIONS 131072
#endif

enum direction {
	DIRECTION_REQUEST = 0, /* client -> VIP, becomes load balancer -> backend */
	DIRECTION_REPLY = 1,   /* backend -> load balancer, becomes VIP -> client */
};

/* What is done to a packet. */
struct translation {
	struct connection_key becomes;
	__u32 backend;	 /* id; a request's next hop is kept under it */
	__u32 direction; /* enum direction */
};

struct connection {
	struct translation translation;
	__u64 seen;    /* when the last packet of this direction came: ns since boot */
	__u32 fin;     /* 1: this side has said that it will send no more */
	__u32 rst;     /* 1: its last packet was a reset */
	__u32 seat;    /* of the connection, in seats */
	__u32 closing; /* 1, in both entries: both sides have finished, or one has reset */
};

_Static_assert(sizeof(struct connection) == 48, "no padding");

/* A hash, not an LRU: no connection is lost because others come. See seats.h for when it is full.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * MAX_CONNECTIONS);
	__type(key, struct connection_key);
	__type(value, struct connection);
	__uint(pinning, MAP_PINNING);
} conntrack SEC(".maps");

#endif
