/* SPDX-License-Identifier: GPL-2.0-only */
/* GUE, generic UDP encapsulation (draft-ietf-intarea-gue): a UDP header, and four bytes that say
 * what the packet is. */
#ifndef HEADERS_TUNNEL_GUE_H
#define HEADERS_TUNNEL_GUE_H

#include "udp.h"

#define GUE_OVERHEAD (sizeof(struct udphdr) + sizeof(struct gue_header))
#define GUE_PORT 6080 /* registered for it at IANA */

struct gue_header {
	__u8 variant_and_length; /* two bits, one that says `control`, and five: how much there is
				  * behind these four bytes, in units of 4 bytes */
	__u8 protocol;		 /* of the packet: an IP protocol number */
	__be16 flags;		 /* which extension fields there are */
};

#define GUE_VARIANT 0xc0
#define GUE_DIRECT 0x40 /* variant 1: there is no such header, an IP packet begins here */
#define GUE_CONTROL 0x20
#define GUE_LENGTH 0x1f

/* Puts outer IP, UDP and GUE headers along `path` in front of a packet, and the link-layer header
 * of its way to `hop`. Returns 0, or -1 if there is no headroom. Invalidates packet->ip. */
static __always_inline int push_gue(const struct packet *packet, const struct nexthop *hop,
				    const struct path *path)
{
	__u8 protocol = packet->flow.family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	struct gue_header *gue = push_udp(packet, hop, path, GUE_OVERHEAD, bpf_htons(protocol));

	if (!gue)
		return -1;
	*gue = (struct gue_header){.protocol = protocol};
	return 0;
}

/* Steps over UDP and GUE headers, with private data if there are any. Returns the protocol of what
 * is inside, or -1. An extension field is not taken: what it says may have to be undone (the packet
 * is in pieces or encrypted, its checksum is not written yet). */
static __always_inline int parse_gue(struct cursor *cursor, struct tunnel *tunnel)
{
	struct gue_header *gue;

	if (parse_tunnel_udp(cursor, tunnel))
		return -1;
	gue = cursor->pos;
	if ((void *)(gue + 1) > cursor->end)
		return -1;
	if ((gue->variant_and_length & GUE_VARIANT) == GUE_DIRECT)
		return protocol_by_version(cursor);
	if (gue->variant_and_length & (GUE_VARIANT | GUE_CONTROL) || gue->flags)
		return -1;
	if (step_over(cursor, tunnel, sizeof(*gue) + (gue->variant_and_length & GUE_LENGTH) * 4))
		return -1;
	return gue->protocol;
}

#endif
