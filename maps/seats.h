/* SPDX-License-Identifier: GPL-2.0-only */
/* seats: every connection in conntrack has one; there are no more connections than seats. A new one
 * takes a seat that is free, or whose connection is over, so no daemon has to clean up. */
#ifndef MAPS_SEATS_H
#define MAPS_SEATS_H

#include "conntrack.h"

struct seat {
	__u32 taken; /* 1 or 0; changed by compare-and-swap */
	/* Its connection was alive then: s since boot; 0: it may be over. So a search passes most
	 * seats without a look at their connections. */
	__u32 seen;
	struct connection_key request; /* whose it is: the connection's key in conntrack */
};

_Static_assert(sizeof(struct seat) == 48, "no padding");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_CONNECTIONS);
	__type(key, __u32);
	__type(value, struct seat);
	__uint(pinning, MAP_PINNING);
} seats SEC(".maps");

#endif
