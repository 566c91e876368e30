/* SPDX-License-Identifier: GPL-2.0-only */
/* Filling the table of a service.
 *
 * Maglev: at its turn a backend takes the first slot that is free in an order of its own, a
 * permutation that only its identity decides. When a backend comes or goes, the others find nearly
 * all of their slots again. Hash: it takes the next slot, so slot i belongs to backend i % n: when
 * one goes, nearly all slots move.
 *
 * A table has 512, 1024, 4096, 16384 or 65536 slots, as its number of backends needs. So that most
 * flows stay where they are when it grows, it has 1024 cells whatever its size: the order is one of
 * cells, and a backend tries all slots of a cell before it goes to the next one. In a table four
 * times as large, each slot has become four, which the same backends take in the same order, but
 * for a few. (In the smallest, two cells are one slot, and half of the flows stay when it grows. A
 * table whose slots are a prime number has cells of one slot: the paper's own.) */
#ifndef HEADERS_MAGLEV_FILL_H
#define HEADERS_MAGLEV_FILL_H

#include "../../maps/types/command.h"
#include "../../maps/services.h"
#include "../../maps/types/map.h"
#include "order.h"

/* The builder's own scratch memory: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SERVICE_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} table SEC(".maps"); /* ids of backends; 0: still free */

/* In a map too: if it stood on the stack, the verifier would follow each value that its counters
 * can have. The callbacks get a pointer to it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct filling);
} filling_map SEC(".maps");

static long clear_slot(__u32 index, void *unused)
{
	__u32 *entry = bpf_map_lookup_elem(&table, &index);

	if (entry)
		*entry = 0;
	return 0;
}

/* The backend whose turn it is tries one slot. Returns 0 if that is taken: it looks on in the next
 * step; 1 if it has got it; -1 if there is no such slot. */
static __always_inline int try_slot(struct filling *filling, struct turn *turn)
{
	__u32 wanted =
		(__u64)turn->cell * filling->slots / filling->cells + (turn->within ^ turn->twist);
	__u32 *slot = bpf_map_lookup_elem(&table, filling->in_order ? &filling->filled : &wanted);

	if (!slot)
		return -1;
	turn->within++;
	if (turn->within >= filling->cell) {
		turn->within = 0;
		turn->cell += turn->skip;
		if (turn->cell >= filling->cells)
			turn->cell -= filling->cells;
	}
	if (*slot)
		return 0;
	*slot = turn->id;
	turn->credit -= filling->heaviest;
	filling->looking = 0;
	filling->filled++;
	return 1;
}

/* One step of the filling. A backend has a turn once its savings are worth the heaviest backend's
 * weight, which therefore has one in every round. Returns 1 when the table is full. */
static long take_slot(__u32 i, struct filling **run)
{
	struct filling *filling = *run;
	__u32 *index = bpf_map_lookup_elem(&order, &filling->at);
	struct turn *turn = index ? bpf_map_lookup_elem(&turns, index) : NULL;
	int taken;

	if (!turn)
		return 1;
	if (!filling->looking) {
		turn->credit += turn->weight;
		filling->looking = turn->credit >= filling->heaviest;
	}
	if (filling->looking) {
		taken = try_slot(filling, turn);
		if (taken <= 0)
			return taken < 0;
	}
	filling->at++;
	if (filling->at >= filling->backends)
		filling->at = 0;
	return filling->filled >= filling->slots;
}

/* A loop of the kernel has at most 8 million steps. With very different weights many of them are
 * turns of backends that are still saving. */
static long take_slots(__u32 i, struct filling **run)
{
	bpf_loop(1 << 23, take_slot, run, 0);
	return (*run)->filled >= (*run)->slots;
}

static __always_inline struct filling *this_filling(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&filling_map, &key);
}

/* Fills a table of so many slots for a service, as its flags say. Without backends it stays empty.
 * Returns 0, or a command_error. */
static __always_inline __u32 fill_table(struct filling *filling, const struct service *service,
					__u32 slots)
{
	__u32 cells = slots & (slots - 1) ? slots : TABLE_CELLS;

	if (slots > MAX_SERVICE_SLOTS)
		return COMMAND_TOO_MANY;
	*filling = (struct filling){
		.service = service->id,
		.slots = slots,
		.cells = cells,
		.cell = slots > cells ? slots / cells : 1,
		.in_order = service->flags & SERVICE_HASH,
	};
	bpf_loop(slots, clear_slot, NULL, 0);
	bpf_loop(MAX_BACKENDS, collect, &filling, 0);
	if (filling->backends > MAX_SERVICE_BACKENDS)
		return COMMAND_TOO_MANY;
	if (!filling->backends || !filling->slots)
		return 0;
	bpf_loop(filling->backends, rank, &filling, 0);
	bpf_loop(16, take_slots, &filling, 0);
	/* A permutation has gaps if the number of slots is no prime and no power of two. */
	return filling->filled < filling->slots ? COMMAND_MALFORMED : 0;
}

#endif
