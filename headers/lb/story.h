/* SPDX-License-Identifier: GPL-2.0-only */
/* What `scripts/lb trace` shows: a line for each packet, while debug is on. Whose packet it is has
 * to be kept until its verdict is known. It is kept in a map, and not on the stack, because then it
 * costs a packet nothing while debug is off. */
#ifndef HEADERS_LB_STORY_H
#define HEADERS_LB_STORY_H

#include <bpf/bpf_endian.h>

#include "../../maps/backends.h"
#include "../../maps/load_balancer.h"
#include "../../maps/types/map.h"
#include "../packet/packet.h"
#include "verdict.h"

/* The programs' own: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow);
} stories SEC(".maps");

/* Keeps whose packet it is, for tell(). */
static __always_inline void begin_story(const struct packet *packet, const struct load_balancer *lb)
{
	__u32 key = 0;
	struct flow *flow;

	if (!(lb->flags & LB_DEBUG))
		return;
	flow = bpf_map_lookup_elem(&stories, &key);
	if (flow)
		*flow = packet->flow;
}

/* CLIENT and BACKEND are how addresses of their families are printed. */
#define TELL(CLIENT, BACKEND)                                                                      \
	bpf_printk("lb: " CLIENT ":%d > " CLIENT ":%d backend %d " BACKEND " verdict %d",          \
		   &flow->client, bpf_ntohs(flow->client_port), &flow->vip,                        \
		   bpf_ntohs(flow->vip_port), id, &backend->address, verdict)

/* Says whose packet it was, which backend (by id) it has to do with, and what becomes of it. (A
 * function of its own, not inlined: it is for the eye.) */
__noinline int tell(__u32 id, __u32 verdict)
{
	__u32 key = 0;
	struct flow *flow = bpf_map_lookup_elem(&stories, &key);
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);

	if (!flow || !backend)
		return 0;
	if (flow->family == 4 && backend->family != 6)
		TELL("%pI4", "%pI4");
	else if (flow->family == 4)
		TELL("%pI4", "%pI6c");
	else if (backend->family != 6)
		TELL("[%pI6c]", "%pI4");
	else
		TELL("[%pI6c]", "%pI6c");
	return 0;
}

#endif
