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

/* Returns whether there is a checksum over all `length` bytes behind an IP header: TCP and ICMP
 * have one, and UDP if it is not 0 and if the packet ends where UDP does. */
static __always_inline int is_summed(void *transport, void *end, int protocol, __u32 length)
{
	struct udphdr *udp = transport;

	if (protocol != IPPROTO_UDP)
		return protocol == IPPROTO_TCP || protocol == IPPROTO_ICMP ||
		       protocol == IPPROTO_ICMPV6;
	return (void *)(udp + 1) <= end && udp->check && bpf_ntohs(udp->len) == length;
}

/* Both return the sum over a packet with a checksum over all of it. What is covered by a right
 * checksum adds up to nothing together with its pseudo header: so alone it is the opposite of that.
 * An IPv4 header adds up to nothing by itself. */
static __always_inline __u64 sum_of_ipv4(const struct iphdr *ip, __u32 length)
{
	__u64 addresses = (__u64)ip->saddr + ip->daddr;

	if (ip->protocol == IPPROTO_ICMP) /* which has no pseudo header */
		return 0;
	return (__u16)~checksum_fold(addresses + bpf_htons(ip->protocol) + bpf_htonl(length));
}

/* The addresses are part of header and pseudo header: so they cancel out. */
static __always_inline __u64 sum_of_ipv6(const struct ipv6hdr *ip6, __u32 length)
{
	const __be32 *first = (const void *)ip6;
	__u64 pseudo_header = (__u64)bpf_htons(ip6->nexthdr) + bpf_htonl(length);

	return (__u64)first[0] + first[1] + (__u16)~checksum_fold(pseudo_header);
}

/* Returns the sum over the IP packet behind a link-layer header; `length` is the packet's. Its
 * payload seldom has to be read for that (the kernel calls this local checksum offload): only if it
 * is a fragment, has extension headers, or no checksum. If a checksum of the packet is wrong, this
 * sum is, too: the packet is dropped where the tunnel ends, instead of behind it. (Not inlined: so
 * the verifier looks at it once, and it needs no room on the stack of those who do not call it.) */
__attribute__((noinline)) __u64 sum_packet(struct xdp_md *ctx, __u32 l2_length, __u32 length)
{
	__u32 at = bounded_l2_length(l2_length), header = sizeof(struct ipv6hdr);
	void *start = (void *)(long)ctx->data + at, *end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip6 = start;
	struct iphdr *ip = start;

	if ((void *)(ip + 1) <= end && ip->version == 4) {
		header = ip->ihl * 4;
		if (!is_fragment(ip) &&
		    is_summed(start + header, end, ip->protocol, length - header))
			return sum_of_ipv4(ip, length - header);
	} else if ((void *)(ip6 + 1) <= end) {
		if (is_summed(start + header, end, ip6->nexthdr, length - header))
			return sum_of_ipv6(ip6, length - header);
	}
	return sum_bytes(ctx, at, length);
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
	__u64 sum = path->family == 6
			    ? sum_packet(packet->ctx, packet->l2_length, packet->length) + shim
			    : 0;
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
