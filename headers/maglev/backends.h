/* SPDX-License-Identifier: GPL-2.0-only */
/* How backends come, change and go: what a command to the builder says about them. */
#ifndef HEADERS_BACKEND_CHANGES_H
#define HEADERS_BACKEND_CHANGES_H

#include "../../maps/backend_stats.h"
#include "../../maps/backends.h"
#include "../../maps/command.h"
#include "order.h"

/* One CPU's counters of a backend (a callback of bpf_loop). */
static long reset_counter(__u32 cpu, __u32 *id)
{
	struct backend_counter *counter = bpf_map_lookup_percpu_elem(&backend_stats, id, cpu);

	if (!counter)
		return 1; /* there are no more CPUs */
	*counter = (struct backend_counter){};
	return 0;
}

/* Carries out one of the changes behind the command. */
static long change_backend(__u32 i, struct xdp_md **ctx)
{
	struct backend_change change;
	struct backend *backend;
	__u32 at = sizeof(struct command) + i * sizeof(change);

	if (bpf_xdp_load_bytes(*ctx, at, &change, sizeof(change)))
		return 1;
	backend = bpf_map_lookup_elem(&backends, &change.id);
	if (!backend)
		return 0;
	if (backend->state == BACKEND_FREE)
		bpf_loop(MAX_CPUS, reset_counter, &change.id, 0);
	*backend = change.backend;
	return 0;
}

#endif
