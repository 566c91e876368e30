/* SPDX-License-Identifier: GPL-2.0-only */
/* backend_times: when a backend became what it is: when it came, or when its weight, state, health
 * or flags changed. By its id. Of the programs, the builder alone writes it. */
#ifndef MAPS_BACKEND_TIMES_H
#define MAPS_BACKEND_TIMES_H

#include "backends.h"
#include "types/map.h"

struct backend_time {
	__u64 changed; /* s since boot; 0: not since this map is there */
};

_Static_assert(sizeof(struct backend_time) == 8, "no padding");

/* Made and pinned by scripts/lb, with the first service. */
MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct backend_time);
	__uint(pinning, MAP_PINNING);
} backend_times SEC(".maps");

#endif
