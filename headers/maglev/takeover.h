/* SPDX-License-Identifier: GPL-2.0-only */
/* Taking the table over into the slots, so that flows stay where they are: the builder's half of
 * headers/lb/tracking.h. */
#ifndef HEADERS_MAGLEV_TAKEOVER_H
#define HEADERS_MAGLEV_TAKEOVER_H

#include "../../maps/backends.h"
#include "../../maps/slots.h"
#include "fill.h"
#include "traffic.h"

/* One takeover of all slots of a service. They may be others than before: the table has grown, and
 * each of its slots has become `split` of them; a flow is on one of those (the hash is scaled, see
 * headers/packet/hash.h), so nothing is lost of what the old one remembered. And they may be more
 * than the table has: a service whose table was larger keeps its slots, because those can differ in
 * what they remember, and each `repeat` of them are one of the table. */
struct takeover {
	struct filling *filling;
	__u32 first;	/* of its slots */
	__u32 repeat;	/* slots for each of the table */
	__u32 before;	/* the first of its slots before, */
	__u32 split;	/* each of which is so many now; 0: there were none, or of other flows */
	__u32 tracked;	/* 0: connections are not to be kept */
	__u32 learning; /* 1: flows that nobody knows belong to `was`; else to `now` */
	__u32 unseen;	/* 1: flows do not pass here: any backend can have some */
};

/* Returns whose the flows of a slot are that nobody knows: of the slot's backend, or of the one
 * before that. For a load balancer, the time decides. A backend sees no flows, and remembers for
 * them (headers/decap/chance.h) the last one, other than `next`, that can have some. */
static __always_inline __u32 owner_of(const struct takeover *takeover, struct slot slot, __u32 next)
{
	int is_before = takeover->unseen ? slot.now == next || !usable_backend(slot.now)
					 : takeover->learning;

	return is_before && usable_backend(slot.was) ? slot.was : slot.now;
}

/* Returns what becomes of a slot that `next` (id of a backend; 0: nobody) shall have. An unknown
 * flow stays with the backend that it had; if that is `next` itself, only known flows are
 * elsewhere. */
static __always_inline struct slot hand_over(const struct takeover *takeover, struct slot slot,
					     __u32 next)
{
	struct slot settled = {next, next};
	__u32 owner = owner_of(takeover, slot, next);

	if (!takeover->tracked || !takeover->split)
		return settled;
	if (slot.now == slot.was &&
	    (slot.now == next || (!takeover->unseen && !has_flows(slot.now))))
		return settled;
	if (owner == next || !usable_backend(owner))
		owner = SLOT_FLOWS_ONLY;
	return (struct slot){next, owner};
}

/* A step over the slots (a callback of bpf_loop): takes one over from the table. */
static long take_over(__u32 i, struct takeover *takeover)
{
	__u32 entry = i / takeover->repeat;
	__u32 *next = bpf_map_lookup_elem(&table, &entry);
	struct slot *slot = slot_at(takeover->first + i);
	struct slot *old = slot, before;

	if (takeover->split)
		old = slot_at(takeover->before + i / takeover->split);
	if (!next || !slot || !old)
		return 1;
	before = read_slot(old);
	if (before.now != *next)
		takeover->filling->moved++;
	write_slot(slot, hand_over(takeover, before, *next));
	return 0;
}

#endif
