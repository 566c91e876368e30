/* SPDX-License-Identifier: GPL-2.0-only */
/* From a flow to a backend: flow -> services -> slots -> backends. The same in every mode. */
#ifndef HEADERS_SELECT_H
#define HEADERS_SELECT_H

#include "../maps/backends.h"
#include "../maps/load_balancer.h"
#include "../maps/services.h"
#include "../maps/slots.h"
#include "hash.h"
#include "packet.h"

/* Returns the service that the flow is for, or NULL. */
static __always_inline struct service *find_service(const struct flow *flow)
{
	struct service_key key = {
		.address = ipv4_address(flow->vip),
		.port = flow->vip_port,
		.protocol = flow->protocol,
		.family = 4,
	};

	return bpf_map_lookup_elem(&services, &key);
}

/* Returns whether the address is a VIP of ours: for packets whose ports cannot be read. */
static __always_inline int is_vip(__be32 address)
{
	struct service_key key = {.address = ipv4_address(address), .family = 4};

	return bpf_map_lookup_elem(&services, &key) != NULL;
}

/* Returns the id of the backend that the flow's hash belongs to; 0: the service has none. */
static __always_inline __u32 select_backend(const struct service *service, const struct flow *flow,
					    const struct load_balancer *lb)
{
	__u32 index = service->first + scale(flow_hash(flow, lb->hash_key), service->slots);
	struct slot *slot = bpf_map_lookup_elem(&slots, &index);

	if (!slot || !service->slots)
		return 0;
	return slot->now;
}

/* Returns the backend with this id if it can take packets now, or NULL. */
static __always_inline struct backend *usable_backend(__u32 id)
{
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);

	return backend && backend->state == BACKEND_UP ? backend : NULL;
}

/* Returns this load balancer's own entry; NULL only if the kernel had no such map. */
static __always_inline struct load_balancer *this_load_balancer(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&load_balancer, &key);
}

#endif
