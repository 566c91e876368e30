/* SPDX-License-Identifier: GPL-2.0-only */
/* backend_stats: what each backend has got, by its id. The figures of a service are the sum over
 * its backends. */
#ifndef MAPS_BACKEND_STATS_H
#define MAPS_BACKEND_STATS_H

#include "backends.h"
#include "types/map.h"

struct backend_counter {
	__u64 packets;	   /* NAT: in both directions */
	__u64 bytes;	   /* of the frames as they came in, Ethernet header included */
	__u64 connections; /* begun: SYNs; NAT: UDP too */
};

_Static_assert(sizeof(struct backend_counter) == 24, "no padding");

MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct backend_counter);
	__uint(pinning, MAP_PINNING);
} backend_stats SEC(".maps");

#endif
