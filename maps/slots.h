/* SPDX-License-Identifier: GPL-2.0-only */
/* slots: which backend a hash value belongs to. Each service owns a region of this array. */
#ifndef MAPS_SLOTS_H
#define MAPS_SLOTS_H

#include "map.h"

#ifndef MAX_SLOTS
#define MAX_SLOTS 4194304 /* 32 MiB; room for 256 services of 16381 slots each */
#endif

/* One aligned store of 64 bits changes a slot: a packet sees the old pair or the new one. */
struct slot {
	__u32 now; /* id of the backend of this slot; 0 is nobody */
	__u32 was; /* id of the backend that it had before; not used yet, and the same as now */
} __attribute__((aligned(8)));

_Static_assert(sizeof(struct slot) == 8, "one 64-bit store");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct slot);
	__uint(pinning, MAP_PINNING);
} slots SEC(".maps");

#endif
