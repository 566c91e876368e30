/* SPDX-License-Identifier: GPL-2.0-only */
/* The last step of every load balancer's program: count the packet, and tell its story if asked to.
 */
#ifndef HEADERS_CONCLUDE_H
#define HEADERS_CONCLUDE_H

#include "../maps/backend_stats.h"
#include "../maps/backends.h"
#include "../maps/load_balancer.h"
#include "../maps/stats.h"
#include "packet.h"

/* Tells whose packet it was, which backend it has to do with, and what becomes of it (enum
 * verdict), to `scripts/lb trace`. */
static __always_inline void tell(const struct packet *packet, enum verdict verdict)
{
	const struct flow *flow = &packet->flow;
	__u32 id = packet->backend;
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);

	if (backend)
		bpf_printk("lb: %pI4:%d > %pI4:%d backend %d %pI4 verdict %d", &flow->client,
			   bpf_ntohs(flow->client_port), &flow->vip, bpf_ntohs(flow->vip_port), id,
			   &backend->address, verdict);
}

/* Counts a packet of `length` bytes that goes to a backend, or comes from it. */
static __always_inline void count_backend(const struct packet *packet, __u32 length)
{
	__u32 id = packet->backend;
	struct backend_counter *counter = bpf_map_lookup_elem(&backend_stats, &id);

	if (!counter)
		return;
	counter->packets++;
	counter->bytes += length;
	counter->connections += packet->opens;
}

/* Counts a packet of `length` bytes under its verdict and returns the XDP action. */
static __always_inline int conclude(const struct packet *packet, enum verdict verdict, __u32 length)
{
	__u32 key = 0;
	struct load_balancer *lb = bpf_map_lookup_elem(&load_balancer, &key);

	count(&stats, verdict, length);
	if (verdict == VERDICT_FORWARDED || verdict == VERDICT_REDIRECTED)
		count_backend(packet, length);
	if (lb && lb->flags & LB_DEBUG && verdict != VERDICT_NOT_OURS)
		tell(packet, verdict);
	return action(verdict);
}

#endif
