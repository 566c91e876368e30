/* SPDX-License-Identifier: GPL-2.0-only */
/* QUIC: the changes to the map server_ids that a command carries behind those to clients. */
#ifndef HEADERS_MAGLEV_SERVER_IDS_H
#define HEADERS_MAGLEV_SERVER_IDS_H

#include "../../maps/server_ids.h"
#include "clients.h"

/* Carries out one of the changes (a callback of bpf_loop). */
static long change_server_id(__u32 i, struct change_walk *walk)
{
	struct server_id_change change;

	if (bpf_xdp_load_bytes(walk->ctx, walk->start + i * sizeof(change), &change,
			       sizeof(change)))
		return 1;
	if (!change.value.backend)
		bpf_map_delete_elem(&server_ids, &change.key);
	else if (bpf_map_update_elem(&server_ids, &change.key, &change.value, BPF_ANY))
		walk->failed = 1;
	return 0;
}

/* Returns 0, or -1 if there was no room for all of them. */
static __always_inline int change_server_ids(struct xdp_md *ctx, const struct command *command)
{
	struct change_walk walk = {
		.ctx = ctx,
		.start = sizeof(*command) + command->changes * sizeof(struct backend_change) +
			 command->clients * sizeof(struct client_change),
	};

	bpf_loop(command->server_ids, change_server_id, &walk, 0);
	return walk.failed ? -1 : 0;
}

#endif
