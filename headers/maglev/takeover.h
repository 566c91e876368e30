/* SPDX-License-Identifier: GPL-2.0-only */
/* Taking the table over into the slots, so that flows stay where they are: the builder's half of
 * headers/lb/tracking.h. */
#ifndef HEADERS_MAGLEV_TAKEOVER_H
#define HEADERS_MAGLEV_TAKEOVER_H

#include "../../maps/backends.h"
#include "../../maps/slots.h"
#include "fill.h"
#include "traffic.h"

/* One takeover of all slots of a service. */
struct takeover {
	struct filling *filling;
	__u32 first;	/* of its slots */
	__u32 fresh;	/* 1: they were nobody's, whatever stands in them */
	__u32 tracked;	/* 0: connections are not to be kept */
	__u32 learning; /* 1: flows that nobody knows belong to `was`; else to `now` */
};

/* Returns what becomes of a slot that `next` (id of a backend; 0: nobody) shall have. An unknown
 * flow stays with the backend that it had; if that is `next` itself, only known flows are
 * elsewhere. */
static __always_inline struct slot hand_over(const struct takeover *takeover, struct slot slot,
					     __u32 next)
{
	struct slot settled = {next, next};
	__u32 owner = slot.now;

	if (!takeover->tracked || takeover->fresh)
		return settled;
	if (slot.now == slot.was && (slot.now == next || !has_flows(slot.now)))
		return settled;
	if (takeover->learning && usable_backend(slot.was))
		owner = slot.was;
	if (owner == next || !usable_backend(owner))
		owner = SLOT_FLOWS_ONLY;
	return (struct slot){next, owner};
}

/* A step over the slots (a callback of bpf_loop): takes one over from the table. */
static long take_over(__u32 i, struct takeover *takeover)
{
	__u32 *next = bpf_map_lookup_elem(&table, &i);
	struct slot *slot, before;
	__u32 index;

	if (!next)
		return 1;
	index = takeover->first + i;
	slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return 1;
	before = read_slot(slot);
	if (before.now != *next)
		takeover->filling->moved++;
	write_slot(slot, hand_over(takeover, before, *next));
	return 0;
}

#endif
