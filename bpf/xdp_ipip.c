/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_ipip: a load balancer in front of servers that may stand in other networks. It wraps the
 * client's packet into another one for the backend (IP in IP); the backend unwraps it, sees the
 * client's address, and answers the client directly, from the VIP.
 *
 *   packet -> flow -> service -> slot -> backend -> next hop -> encapsulate -> out
 *
 * (A VIP is an address, a service is a VIP with a protocol and a port. Both, and the backend, may
 * be IPv4 or IPv6, in any combination.)
 *
 *   packet                                            verdict
 *   ------------------------------------------------  ----------------------------------------
 *   not IP, or not for a service                       PASS, not one byte changed
 *   TCP or UDP for a service                           to the backend, TTL (hop limit) one less
 *   QUIC for a service that routes by connection id    to the backend that the id names, if any
 *   ICMP error about a packet of a service             to the backend that has that connection
 *   first fragment for a service                       to the backend, and noted
 *   first fragment of something else for a VIP         PASS, and noted
 *   later fragment                                     after its first one; else DROP if for a VIP
 *   of a client that is denied, or ICMP error about it DROP, also of an old connection
 *   begins one connection too many, of a limit         DROP
 *   lengths that disagree, for a VIP                   DROP
 *   ports behind too many IPv6 headers, for a VIP      DROP
 *   for a backend that is this machine itself          PASS, not one byte changed
 *   no usable backend, no route, no neighbour, ...     DROP, each with a counter of its own
 *   TTL (hop limit) 1                                  ICMP time exceeded from lb to the client (*)
 *   too big once encapsulated, DF set or IPv6          ICMP too big from the VIP (*)
 *   too big once encapsulated, DF clear                DROP: XDP cannot fragment
 *   next hop behind a VLAN device (eth0.7)             out of eth0, with its tag; else no tags
 *   next hop on another interface                      REDIRECT
 *   health check (headers/lb/probe.h)                  REDIRECT, to the backend that it is for
 *   a backend's answer to one                          REDIRECT, to the one who checks
 *
 * (*) Whole TCP and UDP packets of senders that can be answered, and not too often; else DROP.
 */
#include "../headers/lb/answer.h"
#include "../headers/lb/backend.h"
#include "../headers/lb/handle.h"
#include "../headers/lb/nexthop.h"
#include "../headers/lb/source.h"
#include "../headers/packet/parse.h"
#include "../headers/tunnel/ipip.h"

/* The second half of the way, in an envelope of `family`, which is the backend's. */
static __always_inline enum verdict encapsulate(struct packet *packet,
						const struct load_balancer *lb,
						const struct backend *backend, __u8 family)
{
	__u32 overhead = ip_length(family) + IPIP_OVERHEAD;
	union address varied;
	struct path outer = {outer_source(packet, lb, family, &varied), &backend->address, family};
	struct nexthop *hop;
	enum verdict verdict;

	/* Which way to the backend? */
	if (is_unset(outer.source, family))
		return VERDICT_NO_ADDRESS;
	verdict = find_nexthop(packet, lb, packet->backend, &outer, &hop);
	if (verdict != VERDICT_GO_ON)
		return verdict;

	/* Send it there as a router would, in a new envelope. */
	if (hop_limit(packet) <= 1)
		return time_exceeded(packet, lb);
	if (packet->length + overhead > hop->mtu)
		return too_big(packet, hop->mtu - overhead, lb);
	decrement_hop_limit(packet);
	if (push_ipip(packet, hop, &outer))
		return VERDICT_BUG;
	return forward(packet, hop);
}

static __always_inline enum verdict balance(struct packet *packet)
{
	struct load_balancer *lb = this_load_balancer();
	struct backend *backend;
	enum verdict verdict;

	if (!lb)
		return VERDICT_BUG;

	/* Who talks to whom, and which backend has the flow? */
	parse_packet(packet);
	verdict = find_backend(packet, lb, &backend);
	if (verdict != VERDICT_GO_ON)
		return verdict;
	return backend->family == 4 ? encapsulate(packet, lb, backend, 4)
				    : encapsulate(packet, lb, backend, 6);
}

SEC("xdp")
int xdp_ipip(struct xdp_md *ctx)
{
	return handle(ctx, ctx->data_end - ctx->data);
}

/* The same for an MTU above about 3500, whose frames are in several pages: `sec xdp.frags`. */
SEC("xdp.frags")
int xdp_ipip_frags(struct xdp_md *ctx)
{
	return handle(ctx, bpf_xdp_get_buff_len(ctx));
}

char _license[] SEC("license") = "GPL";
