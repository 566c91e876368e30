/* SPDX-License-Identifier: GPL-2.0-only */
/* prefixes: the same as clients, once more: the kernel lists what is in a hash, but not what is in
 * a trie. No program for packets reads it. */
#ifndef MAPS_PREFIXES_H
#define MAPS_PREFIXES_H

#include "clients.h"

/* Made and pinned by scripts/lb, with the first service. */
MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_CLIENTS);
	__type(key, struct client_key);
	__type(value, struct client_entry);
	__uint(pinning, MAP_PINNING);
} prefixes SEC(".maps");

#endif
