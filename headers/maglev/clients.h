/* SPDX-License-Identifier: GPL-2.0-only */
/* Who may use a service: the changes to the map clients, and to its twin, that a command carries
 * behind those to backends. */
#ifndef HEADERS_MAGLEV_CLIENTS_H
#define HEADERS_MAGLEV_CLIENTS_H

#include "../../maps/prefixes.h"
#include "../../maps/types/command.h"

/* One pass over the changes. The first one deletes, so that there is room for what the second one
 * adds. */
struct client_pass {
	struct xdp_md *ctx;
	__u32 start; /* where the changes begin */
	__u32 adds;
	__u32 failed;
};

/* Carries out one of the changes (a callback of bpf_loop). */
static long change_client(__u32 i, struct client_pass *pass)
{
	struct client_change change;

	if (bpf_xdp_load_bytes(pass->ctx, pass->start + i * sizeof(change), &change,
			       sizeof(change)))
		return 1;
	if (!pass->adds && change.entry.rule == CLIENT_UNKNOWN) {
		bpf_map_delete_elem(&prefixes, &change.key);
		bpf_map_delete_elem(&clients, &change.key);
	} else if (pass->adds && change.entry.rule != CLIENT_UNKNOWN) {
		if (bpf_map_update_elem(&prefixes, &change.key, &change.entry, BPF_ANY) ||
		    bpf_map_update_elem(&clients, &change.key, &change.entry, BPF_ANY))
			pass->failed = 1;
	}
	return 0;
}

/* Returns 0, or -1 if there was no room for all of them. */
static __always_inline int change_clients(struct xdp_md *ctx, const struct command *command)
{
	struct client_pass pass = {
		.ctx = ctx,
		.start = sizeof(*command) + command->changes * sizeof(struct backend_change),
	};

	bpf_loop(command->clients, change_client, &pass, 0);
	pass.adds = 1;
	bpf_loop(command->clients, change_client, &pass, 0);
	return pass.failed ? -1 : 0;
}

#endif
