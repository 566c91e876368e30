/* SPDX-License-Identifier: GPL-2.0-only */
/* Rewriting a packet's addresses and ports (RFC 3022). Checksums are updated with the deltas alone:
 * the payload is never read, so its length and the frame's padding do not matter. */
#ifndef HEADERS_NAT_TRANSLATE_H
#define HEADERS_NAT_TRANSLATE_H

#include "../../maps/conntrack.h"
#include "../packet/checksum.h"
#include "../packet/icmp.h"
#include "../packet/packet.h"
#include "../packet/tcp_udp.h"

/* Replaces the addresses of an IPv4 header. Returns the delta, which TCP and UDP checksums need
 * too: they cover the addresses (the pseudo header). */
static __always_inline __u64 translate_addresses(struct iphdr *ip, __be32 source,
						 __be32 destination)
{
	__u64 delta = checksum_delta(ip->saddr, source) + checksum_delta(ip->daddr, destination);

	ip->saddr = source;
	ip->daddr = destination;
	ip->check = checksum_update(ip->check, delta);
	return delta;
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

static __always_inline __u64 translate_all(const struct packet *packet,
					   const struct translation *becomes)
{
	return translate_addresses(packet->ip, becomes->source, becomes->destination) +
	       translate_ports(packet->transport, becomes->source_port, becomes->destination_port);
}

/* Turns a TCP or UDP packet into what it becomes. Returns 0, or -1: nothing was changed. (The
 * parser has checked that the header is there, but the verifier does not remember it.) */
static __always_inline int translate_flow(const struct packet *packet,
					  const struct translation *becomes)
{
	void *end = (void *)(long)packet->ctx->data_end;
	struct tcphdr *tcp = packet->transport;
	struct udphdr *udp = packet->transport;

	if (packet->flow.protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > end)
			return -1;
		tcp->check = checksum_update(tcp->check, translate_all(packet, becomes));
	} else {
		if ((void *)(udp + 1) > end)
			return -1;
		udp->check = udp_checksum_update(udp->check, translate_all(packet, becomes));
	}
	return 0;
}

/* Turns the packet that an ICMP error quotes into the one that the error's receiver has sent.
 * Returns the delta for the ICMP checksum. The addresses and the quote's own checksum change by
 * opposite amounts, so that the ICMP checksum, which covers both, does not see them. */
static __always_inline __u64 translate_quote(struct iphdr *quote, __u8 protocol, void *end,
					     const struct translation *becomes)
{
	struct ports *ports = (void *)quote + quote->ihl * 4;
	struct tcphdr *tcp = (void *)ports;
	struct udphdr *udp = (void *)ports;
	__u64 addresses = translate_addresses(quote, becomes->destination, becomes->source);
	__u64 delta = translate_ports(ports, becomes->destination_port, becomes->source_port);
	__u16 before;

	if (protocol == IPPROTO_UDP) {
		before = udp->check;
		udp->check = udp_checksum_update(before, addresses + delta);
		delta += checksum_delta16(before, udp->check);
	} else if ((void *)(tcp + 1) <= end) { /* RFC 792 quotes less than that, Linux more */
		before = tcp->check;
		tcp->check = checksum_update(before, addresses + delta);
		delta += checksum_delta16(before, tcp->check);
	}
	return delta;
}

/* Turns an ICMP error, about a packet that went the other way, into what the other side must read
 * (RFC 5508): the quoted packet becomes what that side has sent. `becomes` is what the packets of
 * the error's own direction become. Returns 0, or -1: nothing was changed. */
static __always_inline int translate_icmp_error(const struct packet *packet,
						const struct translation *becomes)
{
	void *end = (void *)(long)packet->ctx->data_end;
	struct icmp_header *icmp = packet->transport;
	struct iphdr *quote = (void *)(icmp + 1);
	struct udphdr *udp = (void *)quote + quote->ihl * 4;
	/* A router that complains keeps its address. If the other end itself complains, its address
	 * becomes what it becomes in its other packets. */
	__be32 source = packet->ip->saddr == ipv4_of(&packet->flow.client) ? becomes->source
									   : packet->ip->saddr;

	if ((void *)(quote + 1) > end || (void *)(udp + 1) > end)
		return -1;
	icmp->checksum = checksum_update(
		icmp->checksum, translate_quote(quote, packet->flow.protocol, end, becomes));
	translate_addresses(packet->ip, source, becomes->destination);
	return 0;
}

/* Turns a packet of any kind into what it becomes; a later fragment has only addresses. Returns 0,
 * or -1: nothing was changed. */
static __always_inline int translate(const struct packet *packet, const struct translation *becomes)
{
	if (!packet->transport) {
		translate_addresses(packet->ip, becomes->source, becomes->destination);
		return 0;
	}
	return packet->parsed == PARSED_ICMP_ERROR ? translate_icmp_error(packet, becomes)
						   : translate_flow(packet, becomes);
}

#endif
