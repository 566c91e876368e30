/* SPDX-License-Identifier: GPL-2.0-only */
/* FOU, foo over UDP: the packet stands right behind a UDP header. (Linux can have any protocol
 * there, by port. Ours is IP, of both versions on one port, as in GUE's variant 1.) */
#ifndef HEADERS_TUNNEL_FOU_H
#define HEADERS_TUNNEL_FOU_H

#include "udp.h"

#define FOU_OVERHEAD sizeof(struct udphdr)
#define FOU_PORT 5555 /* as in the examples of ip-fou(8): there is no registered one */

/* Puts outer IP and UDP headers along `path` in front of a packet, and the link-layer header of its
 * way to `hop`. Returns 0, or -1 if there is no headroom. Invalidates packet->ip. */
static __always_inline int push_fou(const struct packet *packet, const struct nexthop *hop,
				    const struct path *path)
{
	return push_udp(packet, hop, path, FOU_OVERHEAD, 0) ? 0 : -1;
}

/* Steps over the UDP header. Returns the protocol of what is inside, or -1. */
static __always_inline int parse_fou(struct cursor *cursor, struct tunnel *tunnel)
{
	return parse_tunnel_udp(cursor, tunnel) ? -1 : protocol_by_version(cursor);
}

#endif
