/* SPDX-License-Identifier: GPL-2.0-only */
/* What backends have counted. Which have ever got a packet? Only those can have flows that must
 * stay with them. And where does it go when they leave? To their service. */
#ifndef HEADERS_MAGLEV_TRAFFIC_H
#define HEADERS_MAGLEV_TRAFFIC_H

#include "../../maps/backends.h"
#include "../../maps/past_stats.h"
#include "total.h"

/* The builder's own scratch memory: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_BACKENDS);
	__type(key, __u32);
	__type(value, __u32);
} busy SEC(".maps"); /* by id: 1 if this backend of the service has ever got a packet */

/* Notes whether a backend is busy, for has_flows(). */
static __always_inline void note_traffic(__u32 id)
{
	__u32 *is_busy = bpf_map_lookup_elem(&busy, &id);

	if (is_busy)
		*is_busy = total_of(id).packets > 0;
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

/* Called when a backend leaves its service, which keeps what was counted. */
static __always_inline void leave_traffic(__u32 id, __u32 service)
{
	struct backend_counter *kept = bpf_map_lookup_elem(&past_stats, &service);
	struct backend_counter sum = total_of(id);

	if (!kept)
		return;
	kept->packets += sum.packets;
	kept->bytes += sum.bytes;
	kept->connections += sum.connections;
	reset_traffic(id);
}

/* Called when a service is gone: the next owner of its id begins at 0. */
static __always_inline void end_traffic(__u32 service)
{
	struct backend_counter *kept = bpf_map_lookup_elem(&past_stats, &service);

	if (kept)
		*kept = (struct backend_counter){};
}

#endif
