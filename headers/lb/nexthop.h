/* SPDX-License-Identifier: GPL-2.0-only */
/* Which way to a backend or client: the kernel's answer (route.h), asked for about once a second
 * for each of them on each CPU (cache.h). */
#ifndef HEADERS_LB_NEXTHOP_H
#define HEADERS_LB_NEXTHOP_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../../maps/load_balancer.h"
#include "../../maps/nexthops.h"
#include "../packet/ethernet.h"
#include "../packet/ip.h"
#include "../packet/packet.h"
#include "cache.h"
#include "route.h"
#include "verdict.h"

/* There is no route to a backend: is that because it is this machine itself? The FIB does not tell,
 * but the shell has looked. (A function of its own, not inlined: it is rare, and the verifier reads
 * it once.) */
__noinline int without_route(__u32 id)
{
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);

	return backend && backend->flags & BACKEND_LOCAL ? VERDICT_LOCAL : VERDICT_NO_ROUTE;
}

/* Finds the way along `path`, which is kept under `id`. Returns VERDICT_GO_ON and sets *found, or
 * the reason why there is none; VERDICT_LOCAL if it ends here, on this machine. (That is not kept:
 * what the kernel does with such a packet takes ten times as long.) */
static __always_inline enum verdict find_nexthop(const struct packet *packet,
						 const struct load_balancer *lb, __u32 id,
						 const struct path *path, struct nexthop **found)
{
	struct nexthop *hop = bpf_map_lookup_elem(&nexthops, &id);
	__u64 now = bpf_jiffies64();
	enum verdict verdict;
	__u16 routes;

	if (!hop)
		return VERDICT_BUG;
	*found = hop;
	routes = lb->routes; /* before the FIB is asked */
	if (hop->family == path->family && hop->routes == routes && now < hop->expires &&
	    same_address(&hop->address, path->destination, path->family))
		return VERDICT_GO_ON;

	verdict = ask_fib(packet, path, hop);
	if (verdict == VERDICT_NO_ROUTE)
		return without_route(id);
	if (verdict != VERDICT_GO_ON)
		return verdict;
	hop->family = path->family;
	hop->address = *path->destination;
	hop->routes = routes;
	hop->expires = now + ABOUT_A_SECOND;
	return VERDICT_GO_ON;
}

/* Returns whether a packet came from the very machine that it would be sent to, or from ourselves:
 * sent on, it would come back, again and again. */
static __always_inline int is_loop(const struct packet *packet, const struct nexthop *hop)
{
	struct ethhdr *eth = (void *)(long)packet->ctx->data;

	if ((void *)(eth + 1) > (void *)(long)packet->ctx->data_end)
		return 0;
	return same_mac(eth->h_source, hop->destination) || same_mac(eth->h_source, hop->source);
}

#endif
