/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_l2dsr: a load balancer on one network with its servers. It rewrites the MAC addresses of the
 * client's packet, and nothing else; the backend owns the VIP too, sees the client's address, and
 * answers the client directly, from the VIP.
 *
 *   packet -> flow -> service -> slot -> backend -> next hop -> MAC addresses -> out
 *
 * (A VIP is an address, a service is a VIP with a protocol and a port. Both, and the backend, may
 * be IPv4 or IPv6, in any combination.)
 *
 *   packet                                            verdict
 *   ------------------------------------------------  ----------------------------------------
 *   not IP, or not for a service                       PASS, not one byte changed
 *   TCP or UDP for a service                           to the backend; the IP packet as it was
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
 *   from the machine it would go to, or from this one  DROP: a loop
 *   too big for the backend's interface, DF set or v6  ICMP too big from the VIP (*)
 *   too big for the backend's interface, DF clear      DROP: XDP cannot fragment
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
#include "../headers/packet/link.h"
#include "../headers/packet/parse.h"

static __always_inline enum verdict balance(struct packet *packet)
{
	struct load_balancer *lb = this_load_balancer();
	struct backend *backend;
	struct nexthop *hop;
	enum verdict verdict;
	struct path path;

	if (!lb)
		return VERDICT_BUG;

	/* Who talks to whom, and which backend has the flow? */
	parse_packet(packet);
	verdict = find_backend(packet, lb, &backend);
	if (verdict != VERDICT_GO_ON)
		return verdict;

	/* Which way to the backend? */
	path = (struct path){own_address(lb, backend->family), &backend->address, backend->family};
	verdict = find_nexthop(packet, lb, packet->backend, &path, &hop);
	if (verdict != VERDICT_GO_ON)
		return verdict;

	/* Hand it over as it is, but never back to where it came from: behind a router, a backend
	 * cannot be reached by its MAC address, and the router would send the packet back. */
	if (is_loop(packet, hop))
		return VERDICT_LOOP;
	if (packet->length > hop->mtu)
		return too_big(packet, hop->mtu, lb);
	if (rewrite_l2(packet, hop, 0, packet->flow.family) < 0)
		return VERDICT_BUG;
	return forward(packet, hop);
}

SEC("xdp")
int xdp_l2dsr(struct xdp_md *ctx)
{
	return handle(ctx, ctx->data_end - ctx->data);
}

/* The same for an MTU above about 3500, whose frames are in several pages: `sec xdp.frags`. */
SEC("xdp.frags")
int xdp_l2dsr_frags(struct xdp_md *ctx)
{
	return handle(ctx, bpf_xdp_get_buff_len(ctx));
}

char _license[] SEC("license") = "GPL";
