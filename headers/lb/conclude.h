/* SPDX-License-Identifier: GPL-2.0-only */
/* The last step of every load balancer's program: count the packet, and describe it if asked to. */
#ifndef HEADERS_LB_CONCLUDE_H
#define HEADERS_LB_CONCLUDE_H

#include <bpf/bpf_endian.h>

#include "../../maps/backend_stats.h"
#include "../../maps/backends.h"
#include "../../maps/load_balancer.h"
#include "../packet/packet.h"
#include "verdict.h"

/* Says to `scripts/lb trace` whose packet it was, which backend it has to do with, and what becomes
 * of it (enum verdict). CLIENT and BACKEND are how addresses of their families are printed. */
#define TELL(CLIENT, BACKEND)                                                                      \
	bpf_printk("lb: " CLIENT ":%d > " CLIENT ":%d backend %d " BACKEND " verdict %d",          \
		   &flow.client, bpf_ntohs(flow.client_port), &flow.vip, bpf_ntohs(flow.vip_port), \
		   id, &backend->address, verdict)

static __always_inline void tell(const struct packet *packet, enum verdict verdict)
{
	struct flow flow = packet->flow; /* the kernel gets pointers into this one */
	__u32 id = packet->backend;
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);

	if (!backend)
		return;
	if (flow.family == 4 && backend->family != 6)
		TELL("%pI4", "%pI4");
	else if (flow.family == 4)
		TELL("%pI4", "%pI6c");
	else if (backend->family != 6)
		TELL("[%pI6c]", "%pI4");
	else
		TELL("[%pI6c]", "%pI6c");
}

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
	struct load_balancer *lb = this_load_balancer();

	count(&stats, verdict, packet->frame_length);
	if (verdict == VERDICT_FORWARDED || verdict == VERDICT_REDIRECTED)
		count_backend(packet);
	if (lb && lb->flags & LB_DEBUG && verdict != VERDICT_NOT_OURS)
		tell(packet, verdict);
	return action(verdict);
}

#endif
