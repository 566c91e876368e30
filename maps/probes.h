/* SPDX-License-Identifier: GPL-2.0-only */
/* probes: which backend a health check is for. Checks go to the VIP, from our own address; the port
 * that they come from says which backend is to be checked (headers/lb/probe.h). So many ports after
 * FIRST_PROBE_PORT belong to each entry: a probe may take any of them, because the connection of
 * the one before may not be over. */
#ifndef MAPS_PROBES_H
#define MAPS_PROBES_H

#include "types/map.h"

#define FIRST_PROBE_PORT 61000 /* above those that kernels take for connections of their own */
#define PROBE_PORTS 4
#define MAX_PROBES 1024 /* at the same time */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_PROBES);
	__type(key, __u32);
	__type(value, __u32); /* id of the backend; 0: nobody */
	__uint(pinning, MAP_PINNING);
} probes SEC(".maps");

_Static_assert(FIRST_PROBE_PORT + MAX_PROBES * PROBE_PORTS <= 65536, "ports that there are");

#endif
