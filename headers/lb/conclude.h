/* SPDX-License-Identifier: GPL-2.0-only */
/* The last step of every load balancer's program: count the packet, and describe it if asked to. */
#ifndef HEADERS_LB_CONCLUDE_H
#define HEADERS_LB_CONCLUDE_H

#include "../../maps/backend_stats.h"
#include "../../maps/load_balancer.h"
#include "../packet/packet.h"
#include "story.h"
#include "verdict.h"

/* Counts a packet that goes to a backend, or comes from it. */
static __always_inline void count_backend(const struct packet *packet)
{
	__u32 id = packet->backend;
	struct backend_counter *counter = bpf_map_lookup_elem(&backend_stats, &id);

	if (!counter)
		return;
	counter->packets++;
	counter->bytes += packet->frame_length;
	counter->connections += packet->opens;
}

/* Counts a packet under its verdict and returns the XDP action. */
static __always_inline int conclude(const struct packet *packet, enum verdict verdict)
{
	struct load_balancer *lb;

	count(&stats, verdict, packet->frame_length);
	if (verdict == VERDICT_NOT_OURS)
		return action(verdict);
	if (verdict == VERDICT_FORWARDED || verdict == VERDICT_REDIRECTED ||
	    (verdict == VERDICT_LOCAL && !packet->probe))
		count_backend(packet);
	lb = this_load_balancer();
	if (lb && lb->flags & LB_DEBUG)
		tell(packet->backend, verdict);
	return action(verdict);
}

#endif
