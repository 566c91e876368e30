/* SPDX-License-Identifier: GPL-2.0-only */
/* conntrack: the connections of xdp_nat that both sides have confirmed. Two entries for each: one
 * for the client's packets, one for the backend's. Here are those for IPv4 packets, in conntrack6
 * those for IPv6: where client and backend are of different families, a connection has one entry in
 * either. */
#ifndef MAPS_CONNTRACK_H
#define MAPS_CONNTRACK_H

#include "backends.h"
#include "types/connection_key.h"
#include "types/map.h"
#include "types/translation.h"

#ifndef MAX_CONNECTIONS
#define MAX_CONNECTIONS 131072
#endif

/* With many connections, every packet meets another entry, and each cache line of it is another
 * wait for memory. So IPv4 has a map of its own, with a short key: what the kernel has in front of
 * it (48 bytes) and the key are one line, this is another. */
struct connection {
	struct translation translation;
	__u32 seat;   /* of the connection, in seats */
	__u64 seen;   /* when the last packet of this direction came: ns since boot */
	__u8 fin;     /* 1: this side has said that it will send no more */
	__u8 rst;     /* 1: its last packet was a reset */
	__u8 closing; /* 1, in both entries: both sides have finished, or one has reset */
	__u8 unused[5];
};

_Static_assert(sizeof(struct connection) == 64, "a cache line");
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
