/* SPDX-License-Identifier: GPL-2.0-only */
/* The changes that a command carries: what entries of the map backends become. Nothing else here is
 * called a change. */
#ifndef HEADERS_MAGLEV_BACKENDS_H
#define HEADERS_MAGLEV_BACKENDS_H

#include "../../maps/changed_at.h"
#include "../../maps/backends.h"
#include "../../maps/types/command.h"
#include "traffic.h"

#define SECOND 1000000000ULL /* ns */

/* Carries out one of the changes behind the command (a callback of bpf_loop). */
static long change_backend(__u32 i, struct xdp_md **ctx)
{
	struct backend_change change;
	struct change_time *time;
	struct backend *backend;
	__u32 at = sizeof(struct command) + i * sizeof(change);

	if (bpf_xdp_load_bytes(*ctx, at, &change, sizeof(change)))
		return 1;
	backend = bpf_map_lookup_elem(&backends, &change.id);
	if (!backend)
		return 0;
	if (backend->state == BACKEND_FREE)
		reset_traffic(change.id);
	else if (change.backend.state == BACKEND_FREE)
		leave_traffic(change.id, backend->service);
	*backend = change.backend;
	time = bpf_map_lookup_elem(&changed_at, &change.id);
	if (time)
		time->changed = bpf_ktime_get_boot_ns() / SECOND;
	return 0;
}

/* Returns how many bytes all changes of a command have. */
static __always_inline __u32 changes_length(const struct command *command)
{
	return command->changes * sizeof(struct backend_change) +
	       command->clients * sizeof(struct client_change) +
	       command->server_ids * sizeof(struct server_id_change);
}

static __always_inline void change_backends(struct xdp_md *ctx, const struct command *command)
{
	bpf_loop(command->changes, change_backend, &ctx, 0);
}

#endif
