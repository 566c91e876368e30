/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tunnels in UDP have in common: the UDP header, and its checksum. */
#ifndef HEADERS_TUNNEL_UDP_H
#define HEADERS_TUNNEL_UDP_H

#include <linux/in.h>
#include <linux/udp.h>

#include "../packet/checksum.h"
#include "../packet/ip.h"
#include "../packet/packet.h"
#include "../packet/sum.h"
#include "outer.h"
#include "pop.h"

/* Returns whether there is a checksum over all bytes behind the IP header, which is `header` bytes
 * long: TCP and ICMP have one, and UDP if it is not 0 and if the packet ends where UDP does.
 * Extension headers and fragments have none. */
static __always_inline int is_summed(const struct packet *packet, __u8 protocol, __u32 header)
{
	int is_ipv4 = packet->flow.family == 4;
	struct udphdr *udp = (is_ipv4 ? (void *)packet->ip : (void *)packet->ip6) + header;

	if (packet->piece != PIECE_ALL)
		return 0;
	if (protocol != IPPROTO_UDP)
		return protocol == IPPROTO_TCP ||
		       protocol == (is_ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if ((void *)(udp + 1) > (void *)(long)packet->ctx->data_end)
		return 0;
	return udp->check && bpf_ntohs(udp->len) == packet->length - header;
}

/* Both return the sum over a packet of which is_summed() holds. What is covered by a right checksum
 * adds up to nothing together with its pseudo header: so alone it is the opposite of that. An IPv4
 * header adds up to nothing by itself. */
static __always_inline __u64 sum_of_ipv4(const struct packet *packet, __u32 length)
{
	union address source = source_of(packet), destination = destination_of(packet);
	__u8 protocol = packet->ip->protocol;

	if (protocol == IPPROTO_ICMP) /* which has no pseudo header */
		return 0;
	return (__u16)~checksum_fold(sum_pseudo_header(&source, &destination, protocol, length));
}

/* The addresses are part of header and pseudo header: so they cancel out. */
static __always_inline __u64 sum_of_ipv6(const struct packet *packet, __u32 length)
{
	const __be32 *first = (const void *)packet->ip6;
	__u64 pseudo_header = (__u64)bpf_htons(packet->ip6->nexthdr) + bpf_htonl(length);

	return (__u64)first[0] + first[1] + (__u16)~checksum_fold(pseudo_header);
}

/* Returns the sum over an IP packet, whose payload seldom has to be read for that (the kernel calls
 * this local checksum offload). If a checksum of the packet is wrong, this sum is, too: the packet
 * is dropped where the tunnel ends, instead of behind it. */
static __always_inline __u64 sum_packet(const struct packet *packet)
{
	int is_ipv4 = packet->flow.family == 4;
	__u8 protocol = is_ipv4 ? packet->ip->protocol : packet->ip6->nexthdr;
	__u32 header = is_ipv4 ? packet->ip->ihl * 4 : sizeof(struct ipv6hdr);
	__u32 length = packet->length - header;

	if (!is_summed(packet, protocol, header))
		return sum_bytes(packet->ctx, packet->l2_length, packet->length);
	return is_ipv4 ? sum_of_ipv4(packet, length) : sum_of_ipv6(packet, length);
}

/* Returns the checksum of a UDP packet of so many bytes; `sum`: over what is behind its header. */
static __always_inline __u16 udp_checksum(const struct path *path, __u16 length, __u64 sum)
{
	__u16 check;

	sum += sum_pseudo_header(path->source, path->destination, IPPROTO_UDP, length);
	sum += (__u64)path->ports.source + path->ports.destination + bpf_htons(length);
	check = ~checksum_fold(sum);
	return check ? check : 0xffff; /* 0 means that there is none */
}

/* Puts outer IP and UDP headers along `path` in front of a packet, and the link-layer header of its
 * way to `hop`. `overhead` is the UDP header, and what is between it and the packet: `shim` is the
 * sum over that. A UDP checksum is optional in IPv4 (RFC 768), but not in IPv6 (RFC 8200, 8.1).
 * Returns where the shim is, or NULL if there is no headroom. Invalidates packet->ip. */
static __always_inline void *push_udp(const struct packet *packet, const struct nexthop *hop,
				      const struct path *path, __u32 overhead, __u16 shim)
{
	__u16 length = packet->length + overhead;
	__u64 sum = path->family == 6 ? sum_packet(packet) + shim : 0;
	struct udphdr *udp = push_outer(packet, hop, path, overhead, IPPROTO_UDP);

	if (!udp)
		return NULL;
	*udp = (struct udphdr){
		.source = path->ports.source,
		.dest = path->ports.destination,
		.len = bpf_htons(length),
		.check = path->family == 6 ? udp_checksum(path, length, sum) : 0,
	};
	return udp + 1;
}

/* Steps over the UDP header of a tunnel. Its checksum is not verified, so that a tunnel's end need
 * not read all of each packet, and 0 is taken in IPv6, too (RFC 6935 and 6936 allow it for
 * tunnels): the packet inside has checksums of its own. Returns 0, or -1 if the header is not there
 * or says another length than the IP header. */
static __always_inline int parse_tunnel_udp(struct cursor *cursor, struct tunnel *tunnel)
{
	struct udphdr *udp = cursor->pos;

	if ((void *)(udp + 1) > cursor->end || bpf_ntohs(udp->len) != tunnel->left)
		return -1;
	return step_over(cursor, tunnel, sizeof(*udp));
}

/* Returns the protocol of an IP packet without an IP header in front of it: its first four bits
 * say which version it is. -1: it is none. */
static __always_inline int protocol_by_version(const struct cursor *cursor)
{
	__u8 *first = cursor->pos;

	if ((void *)(first + 1) > cursor->end)
		return -1;
	return *first >> 4 == 4 ? IPPROTO_IPIP : *first >> 4 == 6 ? IPPROTO_IPV6 : -1;
}

#endif
