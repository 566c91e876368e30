/* SPDX-License-Identifier: GPL-2.0-only */
/* nexthops: what the kernel's FIB last said about the way to a backend, by backend id; and, where
 * answers pass here (NAT), about the way to a client, by a hash of the client's address. */
#ifndef MAPS_NEXTHOPS_H
#define MAPS_NEXTHOPS_H

#include "backends.h"
#include "types/map.h"
#include "types/nexthop.h"

#define CLIENT_NEXTHOPS 4096 /* behind those of the backends */

/* Per CPU: only the packet path writes it, without locks. The shell only reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_BACKENDS + CLIENT_NEXTHOPS);
	__type(key, __u32);
	__type(value, struct nexthop);
	__uint(pinning, MAP_PINNING);
} nexthops SEC(".maps");

#endif
