/* SPDX-License-Identifier: GPL-2.0-only */
/* Which way to a backend or client: the kernel's own routes and neighbours (bpf_fib_lookup), asked
 * about once a second for each of them on each CPU (cache.h): the question costs more than all the
 * rest that is done for a packet. */
#ifndef HEADERS_LB_NEXTHOP_H
#define HEADERS_LB_NEXTHOP_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../../maps/links.h"
#include "../../maps/load_balancer.h"
#include "../../maps/nexthops.h"
#include "../packet/ethernet.h"
#include "../packet/ip.h"
#include "../packet/packet.h"
#include "cache.h"
#include "verdict.h"

/* AF_INET and AF_INET6, which only user-space headers define */
#define ADDRESS_FAMILY_INET 2
#define ADDRESS_FAMILY_INET6 10

/* What the FIB's answer means for the packet. */
static __always_inline enum verdict fib_verdict(long answer)
{
	switch (answer) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		return VERDICT_GO_ON;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		/* The interface may not route: sysctl -w net.ipv4.ip_forward=1, or
		 * net.ipv6.conf.all.forwarding=1 */
		return VERDICT_FORWARDING_OFF;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		/* There is a route, but no MAC address: ip neigh replace ... managed */
		return VERDICT_NO_NEIGHBOUR;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
	case BPF_FIB_LKUP_RET_NOT_FWDED:
		/* No route, a route that says no, or the address is our own */
		return VERDICT_NO_ROUTE;
	case BPF_FIB_LKUP_RET_UNSUPP_LWT:
		/* The route encapsulates by itself (ip route ... encap): not from XDP */
		return VERDICT_NO_ROUTE;
	default:
		/* Negative: we asked in a way that the kernel does not understand */
		return VERDICT_BUG;
	}
}

/* Returns the device that a packet came in by, as the routes know it: of a bond's port, the bond.
 */
static __always_inline __u32 incoming_device(const struct packet *packet)
{
	__u32 ifindex = packet->ctx->ingress_ifindex;
	struct link *link = bpf_map_lookup_elem(&links, &ifindex);

	return link && !link->outer.protocol ? link->device : ifindex;
}

/* Notes the device that the route leads through, or the device below it and the VLAN tags. */
static __always_inline void set_outgoing_device(struct nexthop *hop, __u32 ifindex)
{
	struct link *link = bpf_map_lookup_elem(&links, &ifindex);

	hop->ifindex = link ? link->device : ifindex;
	hop->outer = link ? link->outer : (struct vlan_tag){};
	hop->inner = link ? link->inner : (struct vlan_tag){};
}

/* Asks the kernel's FIB for the way. Fills in *hop, or returns the reason why there is none. */
static __always_inline enum verdict ask_fib(const struct packet *packet, const struct path *path,
					    struct nexthop *hop)
{
	struct bpf_fib_lookup fib = {.ifindex = incoming_device(packet)};
	enum verdict verdict;

	/* tot_len stays 0: one answer serves packets of every length, so the MTU is our check. */
	if (path->family == 4) {
		fib.family = ADDRESS_FAMILY_INET;
		fib.ipv4_src = path->source->words[0];
		fib.ipv4_dst = path->destination->words[0];
	} else {
		fib.family = ADDRESS_FAMILY_INET6;
		__builtin_memcpy(fib.ipv6_src, path->source, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, path->destination, sizeof(fib.ipv6_dst));
	}
	verdict = fib_verdict(bpf_fib_lookup(packet->ctx, &fib, sizeof(fib), 0));
	if (verdict != VERDICT_GO_ON)
		return verdict;
	__builtin_memcpy(hop->destination, fib.dmac, ETH_ALEN);
	__builtin_memcpy(hop->source, fib.smac, ETH_ALEN);
	set_outgoing_device(hop, fib.ifindex);
	hop->mtu = fib.mtu_result;
	return VERDICT_GO_ON;
}

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

/* Sends the rewritten packet on its way: returns the verdict for it. */
static __always_inline enum verdict forward(const struct packet *packet, const struct nexthop *hop)
{
	if (hop->ifindex == packet->ctx->ingress_ifindex)
		return VERDICT_FORWARDED;
	if (bpf_redirect(hop->ifindex, 0) != XDP_REDIRECT)
		return VERDICT_BUG;
	return packet->probe ? VERDICT_PROBE : VERDICT_REDIRECTED;
}

#endif
