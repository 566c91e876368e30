/* SPDX-License-Identifier: GPL-2.0-only */
/* Who may use a service: the changes to the map clients, and to its twin, that a command carries
 * behind those to backends. What is deleted comes first, so that there is room. */
#ifndef HEADERS_MAGLEV_CLIENTS_H
#define HEADERS_MAGLEV_CLIENTS_H

#include "../../maps/prefixes.h"
#include "../../maps/types/command.h"

/* A walk over changes of one kind. */
struct change_walk {
	struct xdp_md *ctx;
	__u32 start;  /* where the changes begin */
	__u32 failed; /* 1: there was no room for one */
};

/* Carries out one of the changes (a callback of bpf_loop). */
static long change_client(__u32 i, struct change_walk *walk)
{
	struct client_change change;

	if (bpf_xdp_load_bytes(walk->ctx, walk->start + i * sizeof(change), &change,
			       sizeof(change)))
		return 1;
	if (change.entry.rule == CLIENT_UNKNOWN) {
		bpf_map_delete_elem(&prefixes, &change.key);
		bpf_map_delete_elem(&clients, &change.key);
	} else if (bpf_map_update_elem(&prefixes, &change.key, &change.entry, BPF_ANY) ||
		   bpf_map_update_elem(&clients, &change.key, &change.entry, BPF_ANY)) {
		walk->failed = 1;
	}
	return 0;
}

/* Returns 0, or -1 if there was no room for all of them. */
static __always_inline int change_clients(struct xdp_md *ctx, const struct command *command)
{
	struct change_walk walk = {
		.ctx = ctx,
		.start = sizeof(*command) + command->changes * sizeof(struct backend_change),
	};

	bpf_loop(command->clients, change_client, &walk, 0);
	return walk.failed ? -1 : 0;
}

#endif
