/* SPDX-License-Identifier: GPL-2.0-only */
/* Rewriting a packet's addresses and ports (RFC 3022). Checksums are updated with the deltas alone:
 * the payload is never read, so its length and the frame's padding do not matter. */
#ifndef HEADERS_NAT_TRANSLATE_H
#define HEADERS_NAT_TRANSLATE_H

#include "../../maps/types/translation.h"
#include "../packet/checksum.h"
#include "../packet/icmp.h"
#include "../packet/ip.h"
#include "../packet/packet.h"
#include "../packet/sum.h"
#include "../packet/tcp_udp.h"

/* Returns the delta of bytes that have had the first sum, and have the second one now. */
static __always_inline __u64 delta_of_sums(__u64 before, __u64 after)
{
	return checksum_delta16(checksum_fold(before), checksum_fold(after));
}

/* Replaces the addresses of an IPv4 header. Returns the delta, which TCP and UDP checksums need
 * too: they cover the addresses (the pseudo header). */
static __always_inline __u64 translate_ipv4(struct iphdr *ip, const union address *source,
					    const union address *destination)
{
	__u64 delta = checksum_delta(ip->saddr, ipv4_of(source)) +
		      checksum_delta(ip->daddr, ipv4_of(destination));

	ip->saddr = ipv4_of(source);
	ip->daddr = ipv4_of(destination);
	ip->check = checksum_update(ip->check, delta);
	return delta;
}

/* The same for IPv6, whose header has no checksum of its own. */
static __always_inline __u64 translate_ipv6(struct ipv6hdr *ip6, const union address *source,
					    const union address *destination)
{
	union address *from = (void *)&ip6->saddr, *to = (void *)&ip6->daddr;
	__u64 before = sum_address(from) + sum_address(to);

	*from = *source;
	*to = *destination;
	return delta_of_sums(before, sum_address(source) + sum_address(destination));
}

static __always_inline __u64 translate_addresses(const struct packet *packet,
						 const union address *source,
						 const union address *destination)
{
	return packet->flow.family == 4 ? translate_ipv4(packet->ip, source, destination)
					: translate_ipv6(packet->ip6, source, destination);
}

static __always_inline __u64 translate_ports(struct ports *ports, __be16 source, __be16 destination)
{
	__u64 delta = checksum_delta16(ports->source, source) +
		      checksum_delta16(ports->destination, destination);

	ports->source = source;
	ports->destination = destination;
	return delta;
}

/* UDP: 0 means that there is no checksum, and a sum of 0 is written as 0xffff (RFC 768). */
static __always_inline __u16 udp_checksum_update(__u16 check, __u64 delta)
{
	if (!check)
		return 0;
	check = checksum_update(check, delta);
	return check ? check : 0xffff;
}

/* Translates the ports of TCP or UDP, whose addresses change by `delta`. Returns 0, or -1: nothing
 * was changed. (The parser has checked that the header is there, but the verifier does not remember
 * it.) */
static __always_inline int translate_transport(const struct packet *packet,
					       const struct translation *becomes, __u64 delta)
{
	void *end = (void *)(long)packet->ctx->data_end;
	struct tcphdr *tcp = packet->transport;
	struct udphdr *udp = packet->transport;

	if (packet->flow.protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > end)
			return -1;
		delta += translate_ports(packet->transport, becomes->source_port,
					 becomes->destination_port);
		tcp->check = checksum_update(tcp->check, delta);
	} else {
		if ((void *)(udp + 1) > end)
			return -1;
		delta += translate_ports(packet->transport, becomes->source_port,
					 becomes->destination_port);
		udp->check = udp_checksum_update(udp->check, delta);
	}
	return 0;
}

/* Returns whether an ICMP error quotes all of a TCP header: RFC 792 asks for less, Linux quotes
 * more. (By the packet's length: what is behind it is the frame's padding.) */
static __always_inline int quotes_tcp_in_full(const struct packet *packet)
{
	__u32 at = packet->quoted_ports - packet->network;

	return at + sizeof(struct tcphdr) <= packet->length;
}

/* Turns the ports that an ICMP error quotes into those that the error's receiver has used; the
 * quoted addresses change by `addresses`. Returns the delta of what stands there. */
static __always_inline __u64 translate_quoted_ports(const struct packet *packet,
						    const struct translation *becomes,
						    __u64 addresses)
{
	void *end = (void *)(long)packet->ctx->data_end;
	struct tcphdr *tcp = packet->quoted_ports;
	struct udphdr *udp = packet->quoted_ports;
	__u64 delta = translate_ports(packet->quoted_ports, becomes->destination_port,
				      becomes->source_port);
	__u16 before;

	if (packet->flow.protocol == IPPROTO_UDP) {
		before = udp->check;
		udp->check = udp_checksum_update(before, addresses + delta);
		delta += checksum_delta16(before, udp->check);
	} else if (quotes_tcp_in_full(packet) && (void *)(tcp + 1) <= end) {
		before = tcp->check;
		tcp->check = checksum_update(before, addresses + delta);
		delta += checksum_delta16(before, tcp->check);
	}
	return delta;
}

/* Returns whom an ICMP error comes from afterwards. A router that complains keeps its address. If
 * the other end itself complains, its address becomes what it becomes in its other packets. */
static __always_inline union address translated_source(const struct packet *packet,
						       const struct translation *becomes)
{
	union address source = source_of(packet);

	return same_address(&source, &packet->flow.client, packet->flow.family) ? becomes->source
										: source;
}

/* Turns an ICMP error, about a packet that went the other way, into what the other side must read
 * (RFC 5508): the quoted packet becomes what that side has sent. `becomes` is what the packets of
 * the error's own direction become. Returns 0, or -1: nothing was changed. */
static __always_inline int translate_icmpv4_error(const struct packet *packet,
						  const struct translation *becomes)
{
	void *end = (void *)(long)packet->ctx->data_end;
	union address source = translated_source(packet, becomes);
	struct icmp_header *icmp = packet->transport;
	struct iphdr *quote = (void *)(icmp + 1);
	__u64 addresses;

	if ((void *)(quote + 1) > end || packet->quoted_ports + sizeof(struct udphdr) > end)
		return -1;
	/* The quoted addresses and the quote's own checksum change by opposite amounts, so that the
	 * ICMP checksum, which covers both, does not see them. */
	addresses = translate_ipv4(quote, &becomes->destination, &becomes->source);
	icmp->checksum =
		checksum_update(icmp->checksum, translate_quoted_ports(packet, becomes, addresses));
	translate_ipv4(packet->ip, &source, &becomes->destination);
	return 0;
}

/* The same for ICMPv6, whose checksum covers the quoted addresses, and the packet's own, too. */
static __always_inline int translate_icmpv6_error(const struct packet *packet,
						  const struct translation *becomes)
{
	void *end = (void *)(long)packet->ctx->data_end;
	union address source = translated_source(packet, becomes);
	struct icmp_header *icmp = packet->transport;
	struct ipv6hdr *quote = (void *)(icmp + 1);
	__u64 delta;

	if ((void *)(quote + 1) > end || packet->quoted_ports + sizeof(struct udphdr) > end)
		return -1;
	delta = translate_ipv6(quote, &becomes->destination, &becomes->source);
	delta += translate_quoted_ports(packet, becomes, delta);
	delta += translate_ipv6(packet->ip6, &source, &becomes->destination);
	icmp->checksum = checksum_update(icmp->checksum, delta);
	return 0;
}

/* Turns a packet of any kind into what it becomes, in its own family; a later fragment has only
 * addresses. Returns 0 or -1. */
static __always_inline int translate(const struct packet *packet, const struct translation *becomes)
{
	__u64 delta;

	if (packet->parsed == PARSED_ICMP_ERROR)
		return packet->flow.family == 4 ? translate_icmpv4_error(packet, becomes)
						: translate_icmpv6_error(packet, becomes);
	delta = translate_addresses(packet, &becomes->source, &becomes->destination);
	return packet->transport ? translate_transport(packet, becomes, delta) : 0;
}

#endif
