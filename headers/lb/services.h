/* SPDX-License-Identifier: GPL-2.0-only */
/* From a flow to the service that it is for. */
#ifndef HEADERS_LB_SERVICES_H
#define HEADERS_LB_SERVICES_H

#include "../../maps/destinations.h"
#include "../../maps/services.h"
#include "../packet/hash.h"
#include "../packet/packet.h"
#include "cache.h"

/* Returns the service of the flow's port, or of every port, or NULL. */
static __always_inline struct service *look_up_service(const struct flow *flow)
{
	struct service_key key = {
		.address = flow->vip,
		.port = flow->vip_port,
		.protocol = flow->protocol,
		.family = flow->family,
	};
	struct service *service = bpf_map_lookup_elem(&services, &key);

	if (service)
		return service;
	key.port = 0;
	return bpf_map_lookup_elem(&services, &key);
}

/* A service that was looked up not long ago, because a look-up costs a third of everything. */
struct recent_service {
	union address vip;
	__be16 vip_port;
	__u8 protocol;
	__u8 family;
	__u32 version; /* `changes` of the destination when it was looked up */
	__u64 expires; /* in jiffies */
	struct service service;
};

#define RECENT_SERVICES 4096

/* The programs' own: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RECENT_SERVICES);
	__type(key, __u32);
	__type(value, struct recent_service);
} recent_services SEC(".maps");

/* Returns the service that the flow is for, or NULL. */
static __always_inline struct service *find_service(const struct flow *flow)
{
	struct destination *destination = find_destination(&flow->vip, flow->family);
	struct recent_service *recent;
	struct service *service;
	__u32 index, version;
	__u64 now;

	if (!destination || !destination->vips)
		return NULL; /* the most frequent answer on a machine that does other things too */
	index = spread(fold(&flow->vip, flow->family) ^ flow->vip_port, RECENT_SERVICES);
	recent = bpf_map_lookup_elem(&recent_services, &index);
	if (!recent)
		return NULL;
	now = bpf_jiffies64();
	version = *(volatile __u32 *)&destination->changes; /* before it is looked up */
	if (same_address(&recent->vip, &flow->vip, flow->family) &&
	    recent->vip_port == flow->vip_port && recent->protocol == flow->protocol &&
	    recent->family == flow->family && recent->version == version && now < recent->expires)
		return &recent->service;

	service = look_up_service(flow);
	if (!service)
		return NULL;
	*recent = (struct recent_service){
		.vip = flow->vip,
		.vip_port = flow->vip_port,
		.protocol = flow->protocol,
		.family = flow->family,
		.version = version,
		.expires = now + ABOUT_A_SECOND,
		.service = *service,
	};
	return &recent->service;
}

/* Returns whether the address is a VIP of ours: for packets whose ports cannot be read. */
static __always_inline int is_vip(union address address, __u8 family)
{
	struct service_key key = {.address = address, .family = family};

	return bpf_map_lookup_elem(&services, &key) != NULL;
}

#endif
