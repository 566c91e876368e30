/* SPDX-License-Identifier: GPL-2.0-only */
/* What a backend has got, on all CPUs together. */
#ifndef HEADERS_MAGLEV_TOTAL_H
#define HEADERS_MAGLEV_TOTAL_H

#include "../../maps/backend_stats.h"

#define MAX_CPUS 1024 /* more than any kernel here has */

struct total {
	__u32 id; /* of the backend */
	struct backend_counter sum;
};

/* Adds one CPU's counters (a callback of bpf_loop, which ends when it returns 1). */
static long add_counter(__u32 cpu, struct total *total)
{
	struct backend_counter *counter =
		bpf_map_lookup_percpu_elem(&backend_stats, &total->id, cpu);

	if (!counter)
		return 1; /* there are no more CPUs */
	total->sum.packets += counter->packets;
	total->sum.bytes += counter->bytes;
	total->sum.connections += counter->connections;
	return 0;
}

static __always_inline struct backend_counter total_of(__u32 id)
{
	struct total total = {.id = id};

	bpf_loop(MAX_CPUS, add_counter, &total, 0);
	return total.sum;
}

#endif
