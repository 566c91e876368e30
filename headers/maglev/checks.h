/* SPDX-License-Identifier: GPL-2.0-only */
/* The checks that a command carries behind its changes: they are kept for scripts/lb watch. */
#ifndef HEADERS_MAGLEV_CHECKS_H
#define HEADERS_MAGLEV_CHECKS_H

#include "../../maps/checks.h"
#include "../../maps/types/command.h"
#include "backends.h"

/* The builder's own scratch memory: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct checks);
} told_checks SEC(".maps");

/* A service has these checks from now on, or none. */
static __always_inline void change_checks(struct xdp_md *ctx, const struct command *command)
{
	__u32 key = 0, at = sizeof(*command) + changes_length(command);
	struct checks *told = bpf_map_lookup_elem(&told_checks, &key);

	if (!told)
		return;
	if (command->checks && !bpf_xdp_load_bytes(ctx, at, told, sizeof(*told)))
		bpf_map_update_elem(&checks, &command->service.id, told, BPF_ANY);
	else
		bpf_map_delete_elem(&checks, &command->service.id);
}

#endif
