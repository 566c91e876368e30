/* SPDX-License-Identifier: GPL-2.0-only */
/* From a packet to its backend: the way of xdp_ipip and xdp_l2dsr. */
#ifndef HEADERS_LB_BACKEND_H
#define HEADERS_LB_BACKEND_H

#include "../../maps/backends.h"
#include "../packet/packet.h"
#include "fragments.h"
#include "probe.h"
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

	if (!service)
		return follow_to_us(packet, lb);
	begin_story(packet, lb);
	packet->probe = is_probe(packet, lb);
	if (packet->probe)
		packet->backend = probed_backend(packet);
	else
		packet->backend =
			choose_backend(packet, service, find_slot(service, &packet->flow, lb));
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

/* Packets have come here by several ways: TCP or UDP, whole or in pieces, known or new. The
 * verifier would follow each of them to the end of the program; that of Linux 6.1 would give up on
 * the way, after a million instructions. So let it forget what they differ in. Returns 0, or -1,
 * which never happens: the header was there before. */
static __always_inline int join_ways(struct packet *packet)
{
	void *network = (void *)(long)packet->ctx->data + bounded_l2_length(packet->l2_length);
	__u32 zero = unknown_zero(packet->frame_length);

	packet->parsed += zero;
	packet->piece += zero;
	packet->probe += zero;
	packet->opens += zero;
	packet->flow.protocol += zero;
	packet->flow.client_port += zero;
	packet->flow.vip_port += zero;
	if (network + ip_length(packet->flow.family) > (void *)(long)packet->ctx->data_end)
		return -1;
	packet->ip = network;
	packet->ip6 = network;
	return 0;
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
	return join_ways(packet) ? VERDICT_BUG : VERDICT_GO_ON;
}

#endif
