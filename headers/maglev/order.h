/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose turn is it? The backends of one service fill a table in turns, one slot at a time, in the
 * order of their identity (address and port), as often as their weights say. The same configuration
 * gives the same table on every load balancer, whatever the backends' ids.
 *
 * Maglev: at its turn a backend takes the first slot that is free in an order of its own, a
 * permutation that only its identity decides. When a backend comes or goes, the others find nearly
 * all of their slots again. Hash: it takes the next slot, so that slot i is backend i % n's: when
 * one goes, all is shuffled. */
#ifndef HEADERS_TURNS_H
#define HEADERS_TURNS_H

#include <bpf/bpf_endian.h>

#include "../../maps/backend_stats.h"
#include "../../maps/backends.h"
#include "../../maps/command.h"
#include "../../maps/types/map.h"
#include "../../maps/services.h"

/* A backend that takes part: it is up, and has a weight. */
struct turn {
	__u32 id;
	__u32 weight;
	__u32 rank;   /* how many come before it */
	__u32 credit; /* what it has saved up for its next turn */
	__u32 next;   /* Maglev: the slot that it wants next, */
	__u32 skip;   /* and how far on it looks if that is taken */
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

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SERVICE_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} table SEC(".maps"); /* ids of backends; 0: still free */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_BACKENDS);
	__type(key, __u32);
	__type(value, __u32);
} busy SEC(".maps"); /* by id: 1 if this backend of the service has ever got a packet */

#define MAX_CPUS 1024 /* more than any kernel here has */

/* One run of the builder. */
struct filling {
	__u32 service;	/* id */
	__u32 slots;	/* of the table */
	__u32 in_order; /* 1: slots are taken one after the other */
	__u32 backends;
	__u32 heaviest; /* weight of the heaviest of them */
	__u32 filled;	/* slots so far */
	__u32 at;	/* whose turn it is: an index of order */
	__u32 looking;	/* 1: within a turn */
};

/* In a map: of numbers on the stack the verifier tries every value that they can have. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct filling);
} filling_map SEC(".maps");

static __always_inline struct filling *this_filling(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&filling_map, &key);
}

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

/* Whether backend a comes before b: by address, then by port. */
static __always_inline int comes_before(const struct backend *a, const struct backend *b)
{
	for (int i = 0; i < 4; i++) {
		__u32 left = bpf_ntohl(a->address.words[i]);
		__u32 right = bpf_ntohl(b->address.words[i]);

		if (left != right)
			return left < right;
	}
	return bpf_ntohs(a->port) < bpf_ntohs(b->port);
}

/* One CPU's counters of a backend (a callback of bpf_loop, which ends when it returns 1). */
static long look_for_packets(__u32 cpu, __u32 *id)
{
	struct backend_counter *counter = bpf_map_lookup_percpu_elem(&backend_stats, id, cpu);
	__u32 *is_busy = bpf_map_lookup_elem(&busy, id);

	if (!counter || !is_busy)
		return 1; /* there are no more CPUs */
	*is_busy |= counter->packets > 0;
	return 0;
}

/* Returns whether there may be flows on a backend. */
static __always_inline int has_flows(__u32 id)
{
	__u32 *is_busy = bpf_map_lookup_elem(&busy, &id);

	return is_busy && *is_busy && usable_backend(id);
}

/* A step over all backends (a callback of bpf_loop, as those that follow; it returns 1 to end the
 * loop): those of the service take a turn, with Maglev's permutation: offset and skip (Eisenbud et
 * al., NSDI 2016, 3.4). */
static long collect(__u32 id, void *unused)
{
	struct filling *filling = this_filling();
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);
	__u32 index, *is_busy;
	struct turn *turn;

	if (!filling || !backend || backend->service != filling->service || !id)
		return 0;
	is_busy = bpf_map_lookup_elem(&busy, &id);
	if (is_busy)
		*is_busy = 0;
	bpf_loop(MAX_CPUS, look_for_packets, &id, 0);
	if (backend->state != BACKEND_UP || !backend->weight)
		return 0;
	index = filling->backends++;
	turn = bpf_map_lookup_elem(&turns, &index);
	if (!turn)
		return 1; /* too many: the caller sees it */
	*turn = (struct turn){
		.id = id,
		.weight = backend->weight,
		.next = identity_hash(backend, 1) % (filling->slots ?: 1),
		.skip = 1,
	};
	if (filling->slots > 1)
		turn->skip += identity_hash(backend, 2) % (filling->slots - 1);
	if (backend->weight > filling->heaviest)
		filling->heaviest = backend->weight;
	return 0;
}

/* Whose place is looked for. */
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
static long rank(__u32 index, void *unused)
{
	struct filling *filling = this_filling();
	struct ranking ranking = ranking_of(index);

	if (!filling || !ranking.backend)
		return 1;
	bpf_loop(filling->backends, compare, &ranking, 0);
	bpf_map_update_elem(&order, &ranking.turn->rank, &index, BPF_ANY);
	return 0;
}

static long clear(__u32 index, void *unused)
{
	__u32 *entry = bpf_map_lookup_elem(&table, &index);

	if (entry)
		*entry = 0;
	return 0;
}

/* One step of the filling: the backend whose turn it is tries one slot. It has a turn once its
 * savings are worth the heaviest backend's weight, which therefore has one in every round. Returns
 * 1 when the table is full. */
static long take_slot(__u32 i, void *unused)
{
	struct filling *filling = this_filling();
	struct turn *turn;
	__u32 *index, *slot;

	if (!filling)
		return 1;
	index = bpf_map_lookup_elem(&order, &filling->at);
	turn = index ? bpf_map_lookup_elem(&turns, index) : NULL;
	if (!turn)
		return 1;
	if (!filling->looking) {
		turn->credit += turn->weight;
		filling->looking = turn->credit >= filling->heaviest;
	}
	if (filling->looking) {
		slot = bpf_map_lookup_elem(&table,
					   filling->in_order ? &filling->filled : &turn->next);
		if (!slot)
			return 1;
		turn->next += turn->skip;
		if (turn->next >= filling->slots)
			turn->next -= filling->slots;
		if (*slot)
			return 0; /* taken: it looks on in the next step */
		*slot = turn->id;
		turn->credit -= filling->heaviest;
		filling->looking = 0;
		filling->filled++;
	}
	filling->at++;
	if (filling->at >= filling->backends)
		filling->at = 0;
	return filling->filled >= filling->slots;
}

/* A loop of the kernel has at most 8 million steps. With very different weights many of them are
 * turns of backends that are still saving. */
static long take_slots(__u32 i, void *unused)
{
	struct filling *filling = this_filling();
	bpf_loop(1 << 23, take_slot, NULL, 0);
	return !filling || filling->filled >= filling->slots;
}

/* Fills the table for a service, as its flags say. Without backends it stays empty. Returns 0, or
 * a command_error. */
static __always_inline __u32 fill_table(const struct service *service)
{
	struct filling *filling = this_filling();

	if (!filling || service->slots > MAX_SERVICE_SLOTS)
		return COMMAND_TOO_MANY;
	*filling = (struct filling){
		.service = service->id,
		.slots = service->slots,
		.in_order = service->flags & SERVICE_HASH,
	};
	bpf_loop(service->slots, clear, NULL, 0);
	bpf_loop(MAX_BACKENDS, collect, NULL, 0);
	if (filling->backends > MAX_SERVICE_BACKENDS)
		return COMMAND_TOO_MANY;
	if (!filling->backends || !filling->slots)
		return 0;
	bpf_loop(filling->backends, rank, NULL, 0);
	bpf_loop(16, take_slots, NULL, 0);
	/* A permutation has gaps if the number of slots is no prime. */
	return filling->filled < filling->slots ? COMMAND_MALFORMED : 0;
}

#endif
