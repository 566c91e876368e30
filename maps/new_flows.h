/* SPDX-License-Identifier: GPL-2.0-only */
/* new_flows: flows of which only one packet was seen. The next one moves them to flows. */
#ifndef MAPS_NEW_FLOWS_H
#define MAPS_NEW_FLOWS_H

#include "flows.h"

/* A table of its own: a flood of single packets from invented addresses pushes out other newcomers,
 * but never a connection. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct connection_key);
	__type(value, struct tracked_flow);
	__uint(pinning, MAP_PINNING);
} new_flows SEC(".maps");

#endif
