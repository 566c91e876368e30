/* SPDX-License-Identifier: GPL-2.0-only */
/* slots: which backend a hash value belongs to. Each service owns a region of this array. */
#ifndef MAPS_SLOTS_H
#define MAPS_SLOTS_H

#include "backends.h"
#include "types/map.h"

#ifndef MAX_SLOTS
#define MAX_SLOTS 4194304 /* 16 MiB; room for 256 services of 16384 slots each */
#endif

/* Instead of a backend in `was`: only flows that the map of flows knows are elsewhere. */
#define SLOT_FLOWS_ONLY 0xffff

/* One aligned store of 32 bits changes a slot: a packet sees the old values or the new ones. A slot
 * is as small as it can be, because every packet reads another one: it is the size of the tables
 * that decides whether the cache holds them. */
struct slot {
	__u16 now; /* id of the backend of this slot; 0 is nobody */
	__u16 was; /* the same, as long as nothing changes. After a change: id of the backend that
		    * flows from before belong to, or SLOT_FLOWS_ONLY */
} __attribute__((aligned(4)));

/* The kernel's arrays have elements of 8 bytes at least, so each holds two slots. */
struct slot_pair {
	struct slot even; /* slot 2 * key */
	struct slot odd;  /* slot 2 * key + 1 */
};

_Static_assert(sizeof(struct slot) == 4, "one 32-bit store");
_Static_assert(sizeof(struct slot_pair) == 8, "no padding");
_Static_assert(MAX_BACKENDS <= SLOT_FLOWS_ONLY, "an id of a backend fits in 16 bits");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SLOTS / 2);
	__type(key, __u32);
	__type(value, struct slot_pair);
	__uint(pinning, MAP_PINNING);
} slots SEC(".maps");

/* Returns the slot with this index, or NULL. (By arithmetic: a branch on the lowest bit of a hash
 * would be guessed wrong every other time.) */
static __always_inline struct slot *slot_at(__u32 index)
{
	__u32 key = index / 2;
	struct slot_pair *pair = bpf_map_lookup_elem(&slots, &key);

	return pair ? (struct slot *)pair + (index & 1) : NULL;
}

/* Both halves in one piece: the compiler must not split this into two accesses. */
union slot_word {
	__u32 word;
	struct slot slot;
};

static __always_inline struct slot read_slot(const struct slot *slot)
{
	return (union slot_word){.word = *(const volatile __u32 *)slot}.slot;
}

static __always_inline void write_slot(struct slot *slot, struct slot value)
{
	*(volatile __u32 *)slot = (union slot_word){.slot = value}.word;
}

#endif
