/* SPDX-License-Identifier: GPL-2.0-only */
/* Just enough tracking: how xdp_ipip and xdp_l2dsr keep connections while backends come and go.
 *
 * A slot that is as it always was needs no memory: the hash alone finds the backend. Only for a
 * slot that has changed hands (now != was) flows are looked up, and noted: those that begin now
 * belong to the new backend, those from before to the old one. So a flood of packets has no table
 * to fill while nothing changes. The idea is that of JET (Mendelson et al., CoNEXT 2020) and Beamer
 * (Olteanu et al., NSDI 2018).
 */
#ifndef HEADERS_TRACKING_H
#define HEADERS_TRACKING_H

#include "../maps/flows.h"
#include "../maps/new_flows.h"
#include "../maps/stats.h"
#include "fragments.h"
#include "select.h"

/* Returns what is known of the packet's flow, or NULL. A SYN after a FIN or RST is another
 * connection from the same port. */
static __always_inline struct tracked_flow *recall_flow(void *map, const struct connection_key *key,
							const struct packet *packet,
							const struct service *service, __u64 now)
{
	struct tracked_flow *flow = bpf_map_lookup_elem(map, key);

	if (!flow || !is_alive(key, flow, service, now))
		return NULL;
	if (flow->closing && packet->opens) {
		bpf_map_delete_elem(map, key);
		return NULL;
	}
	return flow;
}

/* Returns the id of the backend for a packet on a slot that has changed hands. Its flow decides, if
 * it is known. If not, the packet is the first of its flow, or the first since the change. */
static __always_inline __u32 track(const struct packet *packet, enum parsed parsed,
				   const struct service *service, struct slot slot)
{
	struct connection_key key = key_of(&packet->flow);
	__u64 now = bpf_ktime_get_coarse_ns();
	__u32 closing = !!(packet->tcp_flags & (TCP_FIN | TCP_RST));
	struct tracked_flow *known, note = {.seen = now, .closing = closing};

	known = recall_flow(&flows, &key, packet, service, now);
	if (known && parsed == PARSED_FLOW) {
		known->seen = now;
		known->closing |= closing;
	}
	if (known)
		return known->backend;

	known = recall_flow(&new_flows, &key, packet, service, now);
	if (known) {
		note.backend = known->backend;
		note.closing |= known->closing;
	} else if (!packet->opens && now < service->learns_until && usable_backend(slot.was)) {
		note.backend = slot.was;
	} else {
		note.backend = slot.now;
	}

	if (parsed != PARSED_FLOW || !note.backend)
		return note.backend;
	if (!known || packet->opens) {
		bpf_map_update_elem(&new_flows, &key, &note, BPF_ANY);
	} else {
		bpf_map_update_elem(&flows, &key, &note, BPF_ANY);
		bpf_map_delete_elem(&new_flows, &key);
	}
	return note.backend;
}

/* Returns the id of the backend for a packet of this service, on this slot; 0: nobody. */
static __always_inline __u32 choose_backend(const struct packet *packet, enum parsed parsed,
					    const struct service *service, struct slot slot)
{
	return slot.now == slot.was ? slot.now : track(packet, parsed, service, slot);
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
		packet->backend =
			choose_backend(packet, parsed, service, find_slot(service, flow, lb));
	}

	*backend = usable_backend(packet->backend);
	if (!*backend)
		return VERDICT_NO_BACKEND;
	if (is_first_fragment(packet->ip))
		note_fragment(packet, (struct fragment_note){.backend = packet->backend});
	return VERDICT_FORWARDED;
}

#endif
