/* SPDX-License-Identifier: GPL-2.0-only */
/* past_stats: what backends had counted that their service has no more, by the service's id.
 * With that, the sum of a service never falls. Of the programs, the builder alone writes it. */
#ifndef MAPS_PAST_STATS_H
#define MAPS_PAST_STATS_H

#include "backend_stats.h"
#include "types/map.h"

#define MAX_SERVICES 4096

/* Made and pinned by scripts/lb, with the first service. */
MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SERVICES + 1); /* ids 1 ... 4096 */
	__type(key, __u32);
	__type(value, struct backend_counter);
	__uint(pinning, MAP_PINNING);
} past_stats SEC(".maps");

#endif
