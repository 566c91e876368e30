/* SPDX-License-Identifier: GPL-2.0-only */
/* The value of every per-CPU map of counters. */
#ifndef MAPS_COUNTER_H
#define MAPS_COUNTER_H

#include "map.h"

struct counter {
	__u64 packets;
	__u64 bytes; /* of the frames as they came in, Ethernet header included */
};

_Static_assert(sizeof(struct counter) == 16, "no padding");

/* Adds one packet of `length` bytes to counter `index` of a per-CPU array of counters. */
static __always_inline void count(void *map, __u32 index, __u32 length)
{
	struct counter *counter = bpf_map_lookup_elem(map, &index);

	if (!counter)
		return;
	counter->packets++;
	counter->bytes += length;
}

#endif
