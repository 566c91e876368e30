/* SPDX-License-Identifier: GPL-2.0-only */
/* Just enough tracking: how xdp_ipip and xdp_l2dsr keep connections while backends come and go.
 *
 * As long as a slot keeps its backend, nothing is remembered: the hash alone finds the backend.
 * Only for a slot in transition (now != was: it has got another backend) flows are looked up and
 * noted: those that begin now belong to the new backend, those from before to the old one. So,
 * while no backend comes or goes, there is no table that a flood of packets could fill. The idea is
 * that of JET (Mendelson et al., CoNEXT 2020) and Beamer (Olteanu et al., NSDI 2018).
 */
#ifndef HEADERS_LB_TRACKING_H
#define HEADERS_LB_TRACKING_H

#include "../../maps/flows.h"
#include "../../maps/new_flows.h"
#include "../../maps/slots.h"
#include "../packet/packet.h"
#include "../packet/tcp_udp.h"

/* Returns what is known about the packet's flow, or NULL. A SYN after a FIN or RST begins another
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

/* Notes which backend the flow has. The first note of a flow goes to new_flows, so that only a
 * second packet makes an entry of flows. */
static __always_inline void note_flow(const struct connection_key *key,
				      const struct tracked_flow *note, int is_new)
{
	if (is_new) {
		bpf_map_update_elem(&new_flows, key, note, BPF_ANY);
	} else {
		bpf_map_update_elem(&flows, key, note, BPF_ANY);
		bpf_map_delete_elem(&new_flows, key);
	}
}

/* Returns the id of the backend for a packet on a slot in transition. If its flow is known, the
 * flow decides. If not, the packet is the first of its flow, or the first since the slot got
 * another backend. */
static __always_inline __u32 track(const struct packet *packet, const struct service *service,
				   struct slot slot)
{
	struct connection_key key = key_of(&packet->flow);
	__u64 now = bpf_ktime_get_coarse_ns();
	__u32 closing = !!(packet->tcp_flags & (TCP_FIN | TCP_RST));
	struct tracked_flow *known, note = {.seen = now, .closing = closing};

	known = recall_flow(&flows, &key, packet, service, now);
	if (known && packet->parsed == PARSED_FLOW) {
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

	if (packet->parsed == PARSED_FLOW && note.backend)
		note_flow(&key, &note, !known || packet->opens);
	return note.backend;
}

/* Returns the id of the backend for a packet of this service, on this slot; 0: nobody. */
static __always_inline __u32 choose_backend(const struct packet *packet,
					    const struct service *service, struct slot slot)
{
	return slot.now == slot.was ? slot.now : track(packet, service, slot);
}

#endif
