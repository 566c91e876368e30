/* SPDX-License-Identifier: GPL-2.0-only */
/* Which flows are still needed? Those of slots in transition. The others are deleted. */
#ifndef HEADERS_MAGLEV_FORGET_H
#define HEADERS_MAGLEV_FORGET_H

#include "../../maps/flows.h"
#include "../../maps/load_balancer.h"
#include "../../maps/new_flows.h"
#include "../../maps/slots.h"
#include "../lb/services.h"
#include "../lb/slots.h"

/* Returns the index of the slot that a flow in the maps of flows is needed for, because the slot is
 * in transition; or -1. Sets *service. */
static __always_inline __s64 needed_for(const struct connection_key *key,
					const struct tracked_flow *known, struct service **service)
{
	struct load_balancer *lb = this_load_balancer();
	struct flow flow = flow_of(key);
	struct slot *slot;
	__u32 index;

	*service = find_service(&flow);
	if (!lb || !*service || !is_alive(key, known, *service, bpf_ktime_get_coarse_ns()))
		return -1;
	index = slot_index(*service, &flow, lb);
	slot = slot_at(index);
	return slot && slot->now != slot->was ? (__s64)index : -1;
}

/* A step over all flows (a callback of bpf_for_each_map_elem): forgets one that is not needed. An
 * old entry must not decide anything after its slot, or its backend's id, has got another owner. */
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

#endif
