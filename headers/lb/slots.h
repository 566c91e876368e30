/* SPDX-License-Identifier: GPL-2.0-only */
/* From a service and a flow to a slot: the flow's hash says which one. The same in every mode. */
#ifndef HEADERS_LB_SLOTS_H
#define HEADERS_LB_SLOTS_H

#include "../../maps/load_balancer.h"
#include "../../maps/services.h"
#include "../../maps/slots.h"
#include "../packet/hash.h"
#include "../packet/packet.h"

/* Returns the index of the slot that the flow's hash falls on. */
static __always_inline __u32 slot_index(const struct service *service, const struct flow *flow,
					const struct load_balancer *lb)
{
	struct flow who = *flow;

	if (service->flags & SERVICE_STICKY)
		who = (struct flow){.client = flow->client, .family = flow->family};
	return service->first + scale(flow_hash(&who, lb->hash_key), service->slots);
}

/* Returns what is in that slot; nobody, if the service has none. */
static __always_inline struct slot find_slot(const struct service *service, const struct flow *flow,
					     const struct load_balancer *lb)
{
	struct slot *slot = slot_at(slot_index(service, flow, lb));

	return slot && service->slots ? read_slot(slot) : (struct slot){};
}

#endif
