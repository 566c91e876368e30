/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose turn is it? The backends of one service fill a table in turns, one slot at a time, in the
 * order of their identity (address and port), as often as their weights say. So the same
 * configuration gives the same table on every load balancer, whatever the backends' ids. This part
 * puts the backends in order; fill.h lets them fill the table. */
#ifndef HEADERS_MAGLEV_ORDER_H
#define HEADERS_MAGLEV_ORDER_H

#include <bpf/bpf_endian.h>

#include "../../maps/backends.h"
#include "../../maps/types/command.h"
#include "../../maps/types/map.h"
#include "traffic.h"

/* A backend that takes part: it is usable, and has a weight. */
struct turn {
	__u32 id;
	__u32 weight;
	__u32 rank;   /* how many come before it */
	__u32 credit; /* what it has saved up for its next turn */
	/* Maglev: the order in which it wants slots, see fill.h. */
	__u32 cell;   /* that it is in, */
	__u32 skip;   /* how far on the next one is, */
	__u32 within; /* and how many slots of this one it has tried, */
	__u32 twist;  /* in an order that is its own */
};

/* The builder's own scratch memory: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SERVICE_BACKENDS);
	__type(key, __u32);
	__type(value, struct turn);
} turns SEC(".maps"); /* as they stand in backends */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SERVICE_BACKENDS);
	__type(key, __u32);
	__type(value, __u32);
} order SEC(".maps"); /* indices of turns, by identity */

/* One run of the builder. */
struct filling {
	__u32 service;	/* id */
	__u32 slots;	/* of the table */
	__u32 cells;	/* they are in so many cells ... */
	__u32 cell;	/* ... of so many each (at least 1: two cells can have the same slot) */
	__u32 in_order; /* 1: slots are taken one after the other */
	__u32 backends;
	__u32 heaviest; /* weight of the heaviest of them */
	__u32 filled;	/* slots so far */
	__u32 at;	/* whose turn it is: an index of order */
	__u32 looking;	/* 1: within a turn */
	__u32 moved;	/* slots that have got another backend by it */
};

/* 64 bits that depend on all bits of an identity: address, port and `seed`. The mixer is the 64-bit
 * finalizer of MurmurHash3. */
static __always_inline __u64 identity_hash(const struct backend *backend, __u64 seed)
{
	__u64 h = seed;

	for (int i = 0; i < 5; i++) {
		h ^= i < 4 ? bpf_ntohl(backend->address.words[i]) : bpf_ntohs(backend->port);
		h ^= h >> 33;
		h *= 0xff51afd7ed558ccd;
		h ^= h >> 33;
		h *= 0xc4ceb9fe1a85ec53;
		h ^= h >> 33;
	}
	return h;
}

/* Whether backend a comes before b: by address, then by port, then by family. */
static __always_inline int comes_before(const struct backend *a, const struct backend *b)
{
	for (int i = 0; i < 4; i++) {
		__u32 left = bpf_ntohl(a->address.words[i]);
		__u32 right = bpf_ntohl(b->address.words[i]);

		if (left != right)
			return left < right;
	}
	if (a->port != b->port)
		return bpf_ntohs(a->port) < bpf_ntohs(b->port);
	return a->family < b->family;
}

/* A step over all backends (a callback of bpf_loop, as those that follow; it returns 1 to end the
 * loop): those of the service take a turn, with Maglev's permutation: offset and skip (Eisenbud et
 * al., NSDI 2016, 3.4), of the table's cells. */
static long collect(__u32 id, struct filling **run)
{
	struct filling *filling = *run;
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);
	struct turn *turn;
	__u32 index, weight;

	if (!backend || backend->service != filling->service || !id)
		return 0;
	note_traffic(id);
	weight = backend->weight ?: !!(backend->flags & BACKEND_LAST_RESORT);
	if (!is_usable(backend) || !weight)
		return 0;
	index = filling->backends++;
	turn = bpf_map_lookup_elem(&turns, &index);
	if (!turn)
		return 1; /* too many: the caller sees it */
	*turn = (struct turn){
		.id = id,
		.weight = weight,
		.cell = identity_hash(backend, 1) % (filling->cells ?: 1),
		.skip = 1,
		.twist = identity_hash(backend, 3) & (filling->cell - 1),
	};
	if (filling->cells > 1)
		turn->skip += identity_hash(backend, 2) % (filling->cells - 1);
	if (filling->cells == TABLE_CELLS)
		turn->skip |= 1; /* odd: it comes to every one of a power of two */
	if (weight > filling->heaviest)
		filling->heaviest = weight;
	return 0;
}

/* A backend whose place in the order is looked for. */
struct ranking {
	struct turn *turn;
	const struct backend *backend;
};

static __always_inline struct ranking ranking_of(__u32 index)
{
	struct ranking ranking = {.turn = bpf_map_lookup_elem(&turns, &index)};

	if (ranking.turn)
		ranking.backend = bpf_map_lookup_elem(&backends, &ranking.turn->id);
	return ranking;
}

static long compare(__u32 index, struct ranking *ranking)
{
	struct ranking other = ranking_of(index);

	if (other.backend && comes_before(other.backend, ranking->backend))
		ranking->turn->rank++;
	return 0;
}

/* A step over the turns: puts one of them in order, by how many come before it. */
static long rank(__u32 index, struct filling **run)
{
	struct ranking ranking = ranking_of(index);

	if (!ranking.backend)
		return 1;
	bpf_loop((*run)->backends, compare, &ranking, 0);
	bpf_map_update_elem(&order, &ranking.turn->rank, &index, BPF_ANY);
	return 0;
}

#endif
