/* SPDX-License-Identifier: GPL-2.0-only */
/* limits: how many new connections a second a service takes from one prefix of clients, by the
 * service's id. */
#ifndef MAPS_LIMITS_H
#define MAPS_LIMITS_H

#include "types/map.h"

struct limit {
	__u32 rate; /* connections per second; 0: no limit */
	__u32 bits; /* length of the prefixes that are counted together */
};

_Static_assert(sizeof(struct limit) == 8, "no padding");

MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4097); /* ids 1 ... 4096 */
	__type(key, __u32);
	__type(value, struct limit);
	__uint(pinning, MAP_PINNING);
} limits SEC(".maps");

#endif
