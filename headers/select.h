/* SPDX-License-Identifier: GPL-2.0-only */
/* From a flow to its slot: flow -> services -> slots. The same in every mode. */
#ifndef HEADERS_SELECT_H
#define HEADERS_SELECT_H

#include "../maps/destinations.h"
#include "../maps/load_balancer.h"
#include "../maps/services.h"
#include "../maps/slots.h"
#include "hash.h"
#include "packet.h"

/* Returns the service that the flow is for, or NULL: that of its port, or of every port. */
static __always_inline struct service *find_service(const struct flow *flow)
{
	struct service_key key = {
		.address = ipv4_address(flow->vip),
		.port = flow->vip_port,
		.protocol = flow->protocol,
		.family = 4,
	};
	struct service *service;

	if (!may_be_ours(flow->vip))
		return NULL;
	service = bpf_map_lookup_elem(&services, &key);
	if (service)
		return service;
	key.port = 0;
	return bpf_map_lookup_elem(&services, &key);
}

/* Returns whether the address is a VIP of ours: for packets whose ports cannot be read. */
static __always_inline int is_vip(__be32 address)
{
	struct service_key key = {.address = ipv4_address(address), .family = 4};

	return bpf_map_lookup_elem(&services, &key) != NULL;
}

/* Returns the index of the slot that the flow's hash falls on. */
static __always_inline __u32 slot_index(const struct service *service, const struct flow *flow,
					const struct load_balancer *lb)
{
	struct flow who = *flow;

	if (service->flags & SERVICE_STICKY)
		who = (struct flow){.client = flow->client};
	return service->first + scale(flow_hash(&who, lb->hash_key), service->slots);
}

/* Returns what is in that slot; nobody, if the service has none. */
static __always_inline struct slot find_slot(const struct service *service, const struct flow *flow,
					     const struct load_balancer *lb)
{
	__u32 index = slot_index(service, flow, lb);
	struct slot *slot = bpf_map_lookup_elem(&slots, &index);

	return slot && service->slots ? read_slot(slot) : (struct slot){};
}

/* Returns this load balancer's own entry; NULL only if the kernel had no such map. */
static __always_inline struct load_balancer *this_load_balancer(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&load_balancer, &key);
}

#endif
