/* SPDX-License-Identifier: GPL-2.0-only */
/* From a flow to a backend: flow -> services -> slots -> backends. The same in every mode. */
#ifndef HEADERS_SELECT_H
#define HEADERS_SELECT_H

#include "../maps/backends.h"
#include "../maps/load_balancer.h"
#include "../maps/services.h"
#include "../maps/slots.h"
#include "../maps/stats.h"
#include "fragments.h"
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

/* A packet is left to the kernel. If it is the first fragment of one for a VIP, so are the others:
 * of a long ping, say. */
static __always_inline void note_for_kernel(const struct packet *packet)
{
	if (packet->ip && is_first_fragment(packet->ip) && is_vip(packet->ip->daddr))
		note_fragment(packet, (struct fragment_note){});
}

/* Finds the backend for a packet of which parse_packet() has made `parsed`. Returns
 * VERDICT_FORWARDED and sets packet->backend and *backend, or says what becomes of it instead. */
static __always_inline enum verdict find_backend(struct packet *packet, enum parsed parsed,
						 const struct load_balancer *lb,
						 struct backend **backend)
{
	const struct flow *flow = &packet->flow;
	struct fragment_note *note;
	struct service *service;

	switch (parsed) {
	case PARSED_OTHER:
		note_for_kernel(packet);
		return VERDICT_NOT_OURS;
	case PARSED_BROKEN:
		return is_vip(flow->vip) ? VERDICT_MALFORMED : VERDICT_NOT_OURS;
	case PARSED_LATER_FRAGMENT:
		note = recall_fragment(packet);
		if (!note)
			return is_vip(flow->vip) ? VERDICT_FRAGMENT_UNKNOWN : VERDICT_NOT_OURS;
		if (!note->backend)
			return VERDICT_NOT_OURS;
		packet->backend = note->backend;
		break;
	default:
		service = find_service(flow);
		if (!service) {
			note_for_kernel(packet);
			return VERDICT_NOT_OURS;
		}
		packet->backend = select_backend(service, flow, lb);
	}

	*backend = usable_backend(packet->backend);
	if (!*backend)
		return VERDICT_NO_BACKEND;
	if (is_first_fragment(packet->ip))
		note_fragment(packet, (struct fragment_note){.backend = packet->backend});
	return VERDICT_FORWARDED;
}

/* Returns this load balancer's own entry; NULL only if the kernel had no such map. */
static __always_inline struct load_balancer *this_load_balancer(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&load_balancer, &key);
}

#endif
