/* SPDX-License-Identifier: GPL-2.0-only */
/* The outer IP header of a tunnel: what is the same for every tunnel that a packet goes into. Its
 * family is the backend's; the packet inside is of either one. */
#ifndef HEADERS_TUNNEL_OUTER_H
#define HEADERS_TUNNEL_OUTER_H

#include <linux/in.h>

#include "../../maps/types/nexthop.h"
#include "../packet/ip.h"
#include "../packet/link.h"

#define OUTER_TTL 64

/* The outer header has DF set and id 0 (an atomic datagram, RFC 6864): a fragmented tunnel would
 * make the backend reassemble it. DSCP and ECN are the inner ones (RFC 2983, RFC 6040). */
static __always_inline void write_outer_ipv4(struct iphdr *outer, const struct path *path,
					     __u16 length, __u8 tos, __u8 protocol)
{
	*outer = (struct iphdr){
		.version = 4,
		.ihl = sizeof(*outer) / 4,
		.tos = tos,
		.tot_len = bpf_htons(length),
		.id = bpf_htons(path->mark),
		.frag_off = bpf_htons(IP_DONT_FRAGMENT),
		.ttl = OUTER_TTL,
		.protocol = protocol,
		.saddr = ipv4_of(path->source),
		.daddr = ipv4_of(path->destination),
	};
	outer->check = ipv4_checksum(outer);
}

static __always_inline void write_outer_ipv6(struct ipv6hdr *outer, const struct path *path,
					     __u16 length, __u8 tos, __u8 protocol)
{
	*outer = (struct ipv6hdr){
		.payload_len = bpf_htons(length - sizeof(*outer)),
		.nexthdr = protocol,
		.hop_limit = OUTER_TTL,
	};
	*(__be32 *)outer = bpf_htonl(6 << 28 | tos << 20 | path->mark);
	__builtin_memcpy(&outer->saddr, path->source, sizeof(outer->saddr));
	__builtin_memcpy(&outer->daddr, path->destination, sizeof(outer->daddr));
}

/* Puts an outer IP header along `path` in front of a packet, with `extra` bytes behind it for the
 * tunnel's own header, and the link-layer header of its way to `hop`. `protocol` is what the outer
 * header says is behind it. Returns where those bytes are (they are there), or NULL if there is no
 * headroom. Invalidates packet->ip. */
static __always_inline void *push_outer(const struct packet *packet, const struct nexthop *hop,
					const struct path *path, __u32 extra, __u8 protocol)
{
	__u32 overhead = ip_length(path->family) + extra;
	__u16 length = packet->length + overhead;
	__u8 tos = traffic_class(packet);
	int l2_length = rewrite_l2(packet, hop, overhead, path->family);
	void *outer;

	if (l2_length < 0)
		return NULL;
	outer = (void *)(long)packet->ctx->data + bounded_l2_length(l2_length);
	if (path->family == 4) {
		if (outer + sizeof(struct iphdr) + extra > (void *)(long)packet->ctx->data_end)
			return NULL;
		write_outer_ipv4(outer, path, length, tos, protocol);
		return outer + sizeof(struct iphdr);
	}
	if (outer + sizeof(struct ipv6hdr) + extra > (void *)(long)packet->ctx->data_end)
		return NULL;
	write_outer_ipv6(outer, path, length, tos, protocol);
	return outer + sizeof(struct ipv6hdr);
}

#endif
