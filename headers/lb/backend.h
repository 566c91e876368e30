/* SPDX-License-Identifier: GPL-2.0-only */
/* From a packet to its backend: the way of xdp_ipip and xdp_l2dsr. */
#ifndef HEADERS_LB_BACKEND_H
#define HEADERS_LB_BACKEND_H

#include "../../maps/backends.h"
#include "../packet/packet.h"
#include "clients.h"
#include "fragments.h"
#include "limit.h"
#include "probe.h"
#include "quic.h"
#include "services.h"
#include "slots.h"
#include "story.h"
#include "tracking.h"
#include "verdict.h"
#include "without_ports.h"

/* A later fragment has no ports: it follows the first one. */
static __always_inline enum verdict follow_first_fragment(struct packet *packet,
							  const struct load_balancer *lb)
{
	struct fragment_note *note = recall_fragment(packet);

	if (!note)
		return if_for_vip(packet, lb, VERDICT_FRAGMENT_UNKNOWN);
	if (!note->backend)
		return VERDICT_NOT_OURS;
	begin_story(packet, lb);
	packet->backend = note->backend;
	return VERDICT_GO_ON;
}

/* A packet with ports that is for no service: an answer to a health check, or the kernel's. */
static __always_inline enum verdict follow_to_us(const struct packet *packet,
						 const struct load_balancer *lb)
{
	enum verdict verdict = VERDICT_NOT_OURS;

	if (packet->parsed == PARSED_FLOW)
		verdict = return_answer(packet, lb);
	if (verdict == VERDICT_NOT_OURS)
		note_for_kernel(packet);
	else
		begin_story(packet, lb);
	return verdict;
}

/* A packet with ports: its service, its slot, and whose that is. */
static __always_inline enum verdict follow_flow(struct packet *packet,
						const struct load_balancer *lb)
{
	struct service *service = find_service(&packet->flow);
	int named;

	if (!service)
		return follow_to_us(packet, lb);
	begin_story(packet, lb);
	packet->probe = is_probe(packet, lb);
	if (packet->probe) {
		packet->backend = probed_backend(packet);
		return VERDICT_GO_ON;
	}
	if (service->flags & SERVICE_LISTED &&
	    denies(service->id, &packet->flow.client, packet->flow.family))
		return VERDICT_DENIED;
	if (service->id_bytes && packet->parsed == PARSED_FLOW) {
		named = named_backend(packet->ctx, udp_payload(packet), service->id,
				      service->id_bytes);
		if (named > 0) {
			packet->backend = named;
			return VERDICT_GO_ON;
		}
		packet->opens = named == NAMED_BY_CLIENT;
	}
	if (service->flags & SERVICE_LIMITED && packet->opens &&
	    exceeds_limit(service->id, packet->flow.family, half(&packet->flow.client, 0),
			  half(&packet->flow.client, 2)))
		return VERDICT_LIMITED;
	packet->backend = choose_backend(packet, service, find_slot(service, &packet->flow, lb));
	return VERDICT_GO_ON;
}

static __always_inline enum verdict choose(struct packet *packet, const struct load_balancer *lb)
{
	enum verdict verdict = judge_without_ports(packet, lb);

	if (verdict != VERDICT_GO_ON)
		return verdict;
	return packet->parsed == PARSED_LATER_FRAGMENT ? follow_first_fragment(packet, lb)
						       : follow_flow(packet, lb);
}

/* Finds the backend for a packet that parse_packet() has read. Returns VERDICT_GO_ON and sets
 * packet->backend and *backend, or says what becomes of the packet instead. */
static __always_inline enum verdict
find_backend(struct packet *packet, const struct load_balancer *lb, struct backend **backend)
{
	enum verdict verdict = choose(packet, lb);
	__u32 id = packet->backend;

	if (verdict != VERDICT_GO_ON)
		return verdict;
	*backend = bpf_map_lookup_elem(&backends, &id);
	/* Who is checked need not be usable: that is what the check shall find out. */
	if (!*backend || (*backend)->state == BACKEND_FREE ||
	    (!is_usable(*backend) && !packet->probe))
		return VERDICT_NO_BACKEND;
	if (packet->piece == PIECE_FIRST)
		note_fragment(packet, packet->backend, NULL);
	/* All of them have the same way from here on: the verifier shall read it once. */
	packet->parsed += unknown_zero(packet->frame_length);
	return VERDICT_GO_ON;
}

#endif
