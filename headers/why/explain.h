/* SPDX-License-Identifier: GPL-2.0-only */
/* What every mode's explanation has in common: the packet's flow, its service, and its slot. */
#ifndef HEADERS_WHY_EXPLAIN_H
#define HEADERS_WHY_EXPLAIN_H

#include "../../maps/types/explanation.h"
#include "../lb/fragments.h"
#include "../lb/quic.h"
#include "../lb/services.h"
#include "../lb/slots.h"
#include "../packet/parse.h"

/* A later fragment: what was noted with the first one. */
static __always_inline void explain_fragment(const struct packet *packet,
					     struct explanation *explanation)
{
	struct fragment_note *note = recall_fragment(packet);

	if (!note)
		return;
	explanation->memory = MEMORY_FRAGMENT;
	explanation->backend = note->backend;
}

/* QUIC: whether its connection id names a backend; if not, whether it may begin a connection. */
static __always_inline void explain_quic(const struct packet *packet, const struct service *service,
					 struct explanation *explanation)
{
	int named = named_backend(packet->ctx, udp_payload(packet), service->id, service->id_bytes);

	explanation->opens = named == NAMED_BY_CLIENT;
	if (named <= 0)
		return;
	explanation->backend = named;
	explanation->memory = MEMORY_SERVER_ID;
}

/* Reads an IP packet, and says what is the same in every mode. Returns its service, or
 * NULL. */
static __always_inline struct service *explain_packet(struct packet *packet,
						      const struct load_balancer *lb,
						      struct explanation *explanation)
{
	struct service *service;
	struct slot slot;

	parse_packet(packet);
	explanation->parsed = packet->parsed;
	explanation->flow = key_of(&packet->flow);
	explanation->opens = packet->opens;
	explanation->is_vip = is_vip(packet->flow.vip, packet->flow.family);
	if (packet->parsed == PARSED_LATER_FRAGMENT)
		explain_fragment(packet, explanation);
	if (packet->parsed != PARSED_FLOW && packet->parsed != PARSED_ICMP_ERROR)
		return NULL;
	service = find_service(&packet->flow);
	if (!service)
		return NULL;
	explanation->service = service->id;
	explanation->hash = flow_hash(&packet->flow, lb->hash_key);
	explanation->slot = slot_index(service, &packet->flow, lb) - service->first;
	slot = find_slot(service, &packet->flow, lb);
	explanation->now = slot.now;
	explanation->was = slot.was;
	if (service->id_bytes && packet->parsed == PARSED_FLOW)
		explain_quic(packet, service, explanation);
	return service;
}

/* Puts the explanation in front of the packet. Returns what the shell sees as the program's answer:
 * XDP_PASS; anything else is a bug. */
static __always_inline int put_in_front(struct xdp_md *ctx, const struct explanation *explanation)
{
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*explanation)))
		return XDP_ABORTED;
	if (bpf_xdp_store_bytes(ctx, 0, (void *)explanation, sizeof(*explanation)))
		return XDP_ABORTED;
	return XDP_PASS;
}

#endif
