/* SPDX-License-Identifier: GPL-2.0-only */
/* IP in IP, with nothing between the two headers: 4in4 (RFC 2003), 6in4 (RFC 4213), 4in6 and 6in6
 * (RFC 2473). A tunnel is three names: X_OVERHEAD, push_X() for the load balancer, parse_X() for
 * the backend. */
#ifndef HEADERS_TUNNEL_IPIP_H
#define HEADERS_TUNNEL_IPIP_H

#include <linux/in.h>

#include "outer.h"
#include "pop.h"

#define IPIP_OVERHEAD 0 /* bytes between the outer IP header and the packet */

/* Puts an outer IP header along `path` in front of a packet, and the link-layer header of its way
 * to `hop`. Returns 0, or -1 if there is no headroom. Invalidates packet->ip. */
static __always_inline int push_ipip(const struct packet *packet, const struct nexthop *hop,
				     const struct path *path)
{
	__u8 protocol = packet->flow.family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;

	return push_outer(packet, hop, path, IPIP_OVERHEAD, protocol) ? 0 : -1;
}

/* There is nothing to step over. Returns the protocol of what is inside. */
static __always_inline int parse_ipip(struct cursor *cursor, struct tunnel *tunnel)
{
	return tunnel->protocol;
}

#endif
