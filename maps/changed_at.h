/* SPDX-License-Identifier: GPL-2.0-only */
/* changed_at: when a backend became what it is: when it came, or when its weight, state, health
 * or flags changed. By its id. Of the programs, the builder alone writes it. */
#ifndef MAPS_CHANGED_AT_H
#define MAPS_CHANGED_AT_H

#include "backends.h"
#include "types/map.h"

struct change_time {
	__u64 changed; /* s since boot; 0: not since this map is there */
};

_Static_assert(sizeof(struct change_time) == 8, "no padding");

/* Made and pinned by scripts/lb, with the first service. */
MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct change_time);
	__uint(pinning, MAP_PINNING);
} changed_at SEC(".maps");

#endif
