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

/* What was found in services not long ago: asking a hash costs a third of everything. */
struct recent_service {
	__be32 vip;
	__be16 vip_port;
	__u16 protocol;
	__u32 changes; /* of the destination, when it was looked up */
	__u32 unused;
	__u64 expires; /* in jiffies */
	struct service service;
};

#define SERVICE_LIFETIME 250 /* jiffies: 0.25 to 2.5 s */
#define RECENT_SERVICES 4096

/* The programs' own: not pinned. Services that share an element take turns. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RECENT_SERVICES);
	__type(key, __u32);
	__type(value, struct recent_service);
} recent_services SEC(".maps");

/* Returns the service of the flow's port, or of every port, or NULL. */
static __always_inline struct service *look_up_service(const struct flow *flow)
{
	struct service_key key = {
		.address = ipv4_address(flow->vip),
		.port = flow->vip_port,
		.protocol = flow->protocol,
		.family = 4,
	};
	struct service *service = bpf_map_lookup_elem(&services, &key);

	if (service)
		return service;
	key.port = 0;
	return bpf_map_lookup_elem(&services, &key);
}

/* Returns the service that the flow is for, or NULL. */
static __always_inline struct service *find_service(const struct flow *flow)
{
	struct destination *destination = find_destination(flow->vip);
	__u32 index = spread(flow->vip ^ flow->vip_port, RECENT_SERVICES);
	struct recent_service *recent = bpf_map_lookup_elem(&recent_services, &index);
	__u64 now = bpf_jiffies64();
	struct service *service;
	__u32 changes;

	if (!destination || !destination->vips || !recent)
		return NULL;
	changes = *(volatile __u32 *)&destination->changes; /* before it is looked up */
	if (recent->vip == flow->vip && recent->vip_port == flow->vip_port &&
	    recent->protocol == flow->protocol && recent->changes == changes &&
	    now < recent->expires)
		return &recent->service;

	service = look_up_service(flow);
	if (!service)
		return NULL;
	*recent = (struct recent_service){
		.vip = flow->vip,
		.vip_port = flow->vip_port,
		.protocol = flow->protocol,
		.changes = changes,
		.expires = now + SERVICE_LIFETIME,
		.service = *service,
	};
	return &recent->service;
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
