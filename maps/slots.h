/* SPDX-License-Identifier: GPL-2.0-only */
/* slots: which backend a hash value belongs to. Each service owns a region of this array. */
#ifndef MAPS_SLOTS_H
#define MAPS_SLOTS_H

#include "types/map.h"

#ifndef MAX_SLOTS
#define MAX_SLOTS 4194304 /* 32 MiB; room for 256 services of 16381 slots each */
#endif

/* Instead of a backend in `was`: only flows that the map of flows knows are elsewhere. */
#define SLOT_FLOWS_ONLY 0xffffffff

/* One aligned store of 64 bits changes a slot: a packet sees the old pair or the new one. */
struct slot {
	__u32 now; /* id of the backend of this slot; 0 is nobody */
	__u32 was; /* the same, as long as nothing changes. After a change: id of the backend that
		    * flows from before belong to, or SLOT_FLOWS_ONLY */
} __attribute__((aligned(8)));

_Static_assert(sizeof(struct slot) == 8, "one 64-bit store");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct slot);
	__uint(pinning, MAP_PINNING);
} slots SEC(".maps");

/* Both halves in one piece: the compiler must not split this into two accesses. */
union slot_word {
	__u64 word;
	struct slot slot;
};

static __always_inline struct slot read_slot(const struct slot *slot)
{
	return (union slot_word){.word = *(const volatile __u64 *)slot}.slot;
}

static __always_inline void write_slot(struct slot *slot, struct slot value)
{
	*(volatile __u64 *)slot = (union slot_word){.slot = value}.word;
}

#endif
