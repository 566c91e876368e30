/* SPDX-License-Identifier: GPL-2.0-only */
/* How slots change hands, so that flows stay where they are: the builder's half of tracking.h. */
#ifndef HEADERS_SLOT_CHANGES_H
#define HEADERS_SLOT_CHANGES_H

#include "../../maps/backends.h"
#include "../../maps/flows.h"
#include "../../maps/new_flows.h"
#include "../lb/services.h"
#include "../lb/slots.h"
#include "order.h"

/* A walk over a service's slots. */
struct changing {
	__u32 first;	/* of its slots */
	__u32 fresh;	/* 1: they were nobody's, whatever stands in them */
	__u32 tracked;	/* 0: connections are not to be kept */
	__u32 learning; /* 1: flows that nobody knows belong to `was`; else to `now` */
	__u32 changed;	/* how many slots have got another backend */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct changing);
} changing_map SEC(".maps");

static __always_inline struct changing *this_changing(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&changing_map, &key);
}

/* Returns what becomes of a slot that `next` (id of a backend; 0: nobody) shall have. A flow that
 * is not known belongs to whom it did; if that is `next` itself, only known ones are elsewhere. */
static __always_inline struct slot hand_over(const struct changing *changing, struct slot slot,
					     __u32 next)
{
	struct slot settled = {next, next};
	__u32 owner = slot.now;

	if (!changing->tracked || changing->fresh)
		return settled;
	if (slot.now == slot.was && (slot.now == next || !has_flows(slot.now)))
		return settled;
	if (changing->learning && usable_backend(slot.was))
		owner = slot.was;
	if (owner == next || !usable_backend(owner))
		owner = SLOT_FLOWS_ONLY;
	return (struct slot){next, owner};
}

/* A step of it (a callback of bpf_loop): takes one slot over from the table. */
static long change_slot(__u32 i, void *unused)
{
	struct changing *changing = this_changing();
	__u32 *next = bpf_map_lookup_elem(&table, &i);
	struct slot *slot, was;
	__u32 index;

	if (!changing || !next)
		return 1;
	index = changing->first + i;
	slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return 1;
	was = read_slot(slot);
	if (was.now != *next)
		changing->changed++;
	write_slot(slot, hand_over(changing, was, *next));
	return 0;
}

/* Returns the index of the slot that a flow in the maps of flows is needed for, because the slot
 * has changed hands; or -1. Sets *service. */
static __always_inline __s64 needed_for(const struct connection_key *key,
					const struct tracked_flow *known, struct service **service)
{
	struct load_balancer *lb = this_load_balancer();
	struct flow flow = {
		.client = key->source,
		.vip = key->destination,
		.client_port = key->source_port,
		.vip_port = key->destination_port,
		.protocol = key->protocol,
	};
	struct slot *slot;
	__u32 index;

	*service = find_service(&flow);
	if (!lb || !*service || !is_alive(key, known, *service, bpf_ktime_get_coarse_ns()))
		return -1;
	index = slot_index(*service, &flow, lb);
	slot = bpf_map_lookup_elem(&slots, &index);
	return slot && slot->now != slot->was ? (__s64)index : -1;
}

/* A step over all flows (a callback of bpf_for_each_map_elem): forgets one that is not needed. An
 * old one must not speak up when its slot, or the id of its backend, has long got another owner. */
static long forget_flow(void *map, const struct connection_key *key,
			const struct tracked_flow *known, void *unused)
{
	struct connection_key copy = *key;
	struct service *service;

	if (needed_for(&copy, known, &service) < 0)
		bpf_map_delete_elem(map, &copy);
	return 0;
}

static __always_inline void forget_flows(void)
{
	bpf_for_each_map_elem(&flows, forget_flow, NULL, 0);
	bpf_for_each_map_elem(&new_flows, forget_flow, NULL, 0);
}

/* Settling: which slots of a service have flows elsewhere? */
struct settling {
	__u32 service; /* id */
	__u32 first;   /* of its slots */
	__u32 wait;    /* 1: learning goes on, and flows that nobody knows may need them all */
	__u32 left;    /* how many slots cannot be settled */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settling);
} settling_map SEC(".maps");

static __always_inline struct settling *this_settling(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&settling_map, &key);
}

/* A step over all flows: marks in the table the slot of one that is not with the slot's backend. */
static long mark_slot(void *map, const struct connection_key *key, const struct tracked_flow *known,
		      void *unused)
{
	struct settling *settling = this_settling();
	struct connection_key copy = *key;
	struct service *service;
	struct slot *slot;
	__u32 index, *mark;
	__s64 needed;

	needed = needed_for(&copy, known, &service);
	if (!settling || needed < 0 || service->id != settling->service)
		return 0;
	index = needed;
	slot = bpf_map_lookup_elem(&slots, &index);
	index -= settling->first;
	mark = bpf_map_lookup_elem(&table, &index);
	if (slot && mark && slot->now != known->backend)
		*mark = 1;
	return 0;
}

/* A step over the slots: settles one that is not marked. */
static long settle_slot(__u32 i, void *unused)
{
	struct settling *settling = this_settling();
	__u32 *mark = bpf_map_lookup_elem(&table, &i);
	struct slot *slot, was;
	__u32 index;

	if (!settling || !mark)
		return 1;
	index = settling->first + i;
	slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return 1;
	was = read_slot(slot);
	if (was.now == was.was)
		return 0;
	if (*mark || settling->wait)
		settling->left++;
	else
		write_slot(slot, (struct slot){was.now, was.now});
	return 0;
}

#endif
