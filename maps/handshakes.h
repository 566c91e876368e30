/* SPDX-License-Identifier: GPL-2.0-only */
/* handshakes: connections of xdp_nat that have not been confirmed yet. */
#ifndef MAPS_HANDSHAKES_H
#define MAPS_HANDSHAKES_H

#include "conntrack.h"

struct handshake {
	struct translation translation;
	__u64 expires;	/* ns since boot */
	__u32 answered; /* of the reply's entry: 1 once the backend has answered */
	__u32 confirm; /* ... and the TCP acknowledgement that the client must know to confirm it */
};

_Static_assert(sizeof(struct handshake) == 40, "no padding");

/* An LRU, and a table of its own: a flood of spoofed SYNs pushes out other handshakes, but never a
 * connection. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct connection_key);
	__type(value, struct handshake);
	__uint(pinning, MAP_PINNING);
} handshakes SEC(".maps");

#endif
