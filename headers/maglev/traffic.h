/* SPDX-License-Identifier: GPL-2.0-only */
/* Which backends have ever got a packet: only those can have flows that must stay with them. */
#ifndef HEADERS_MAGLEV_TRAFFIC_H
#define HEADERS_MAGLEV_TRAFFIC_H

#include "../../maps/backend_stats.h"
#include "../../maps/backends.h"

#define MAX_CPUS 1024 /* more than any kernel here has */

/* The builder's own scratch memory: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_BACKENDS);
	__type(key, __u32);
	__type(value, __u32);
} busy SEC(".maps"); /* by id: 1 if this backend of the service has ever got a packet */

/* One CPU's counters of a backend (a callback of bpf_loop, which ends when it returns 1). */
static long look_for_packets(__u32 cpu, __u32 *id)
{
	struct backend_counter *counter = bpf_map_lookup_percpu_elem(&backend_stats, id, cpu);
	__u32 *is_busy = bpf_map_lookup_elem(&busy, id);

	if (!counter || !is_busy)
		return 1; /* there are no more CPUs */
	*is_busy |= counter->packets > 0;
	return 0;
}

/* Notes whether a backend is busy, for has_flows(). */
static __always_inline void note_traffic(__u32 id)
{
	__u32 *is_busy = bpf_map_lookup_elem(&busy, &id);

	if (is_busy)
		*is_busy = 0;
	bpf_loop(MAX_CPUS, look_for_packets, &id, 0);
}

/* Returns whether there may be flows on a backend. */
static __always_inline int has_flows(__u32 id)
{
	__u32 *is_busy = bpf_map_lookup_elem(&busy, &id);

	return is_busy && *is_busy && usable_backend(id);
}

/* One CPU's counters of a backend (a callback of bpf_loop): back to 0. */
static long reset_counter(__u32 cpu, __u32 *id)
{
	struct backend_counter *counter = bpf_map_lookup_percpu_elem(&backend_stats, id, cpu);

	if (!counter)
		return 1;
	*counter = (struct backend_counter){};
	return 0;
}

/* Called when an id gets a new owner: what was counted for the old one is not the new one's. */
static __always_inline void reset_traffic(__u32 id)
{
	bpf_loop(MAX_CPUS, reset_counter, &id, 0);
}

#endif
