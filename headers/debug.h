/* SPDX-License-Identifier: GPL-2.0-only */
/* The packets' stories for `bpftool prog tracelog`, told only while LB_DEBUG is set. */
#ifndef HEADERS_DEBUG_H
#define HEADERS_DEBUG_H

#include "../maps/stats.h"
#include "packet.h"

/* Tells which backend a packet was given to, and what is to become of it (enum verdict). */
static __always_inline void tell(const struct packet *packet, __u32 id, __be32 backend,
				 enum verdict verdict)
{
	const struct flow *flow = &packet->flow;

	bpf_printk("lb: %pI4:%d -> %pI4:%d: backend %d, %pI4: verdict %d", &flow->client,
		   bpf_ntohs(flow->client_port), &flow->vip, bpf_ntohs(flow->vip_port), id,
		   &backend, verdict);
}

#endif
