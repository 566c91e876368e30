/* SPDX-License-Identifier: GPL-2.0-only */
/* Rewriting a packet's addresses and ports (RFC 3022), with every checksum mended by the change
 * alone: the payload is never read, so its length and the frame's padding do not matter. */
#ifndef HEADERS_TRANSLATE_H
#define HEADERS_TRANSLATE_H

#include "../maps/conntrack.h"
#include "checksum.h"
#include "packet.h"

/* TCP and UDP have their ports at the same place. */
struct ports {
	__be16 source;
	__be16 destination;
};

/* Replaces the addresses of an IPv4 header. Returns the change, which TCP and UDP checksums need
 * too: they cover the addresses (the pseudo header). */
static __always_inline __u64 translate_addresses(struct iphdr *ip, __be32 source,
						 __be32 destination)
{
	__u64 change = checksum_change(ip->saddr, source) + checksum_change(ip->daddr, destination);

	ip->saddr = source;
	ip->daddr = destination;
	ip->check = checksum_mend(ip->check, change);
	return change;
}

static __always_inline __u64 translate_ports(struct ports *ports, __be16 source, __be16 destination)
{
	__u64 change = checksum_change16(ports->source, source) +
		       checksum_change16(ports->destination, destination);

	ports->source = source;
	ports->destination = destination;
	return change;
}

/* UDP: 0 means that there is no checksum, and a sum of 0 is written as 0xffff (RFC 768). */
static __always_inline __u16 udp_checksum_mend(__u16 check, __u64 change)
{
	if (!check)
		return 0;
	check = checksum_mend(check, change);
	return check ? check : 0xffff;
}

static __always_inline __u64 translate_all(const struct packet *packet,
					   const struct connection_key *becomes)
{
	return translate_addresses(packet->ip, becomes->source, becomes->destination) +
	       translate_ports(packet->transport, becomes->source_port, becomes->destination_port);
}

/* Turns a TCP or UDP packet into what it becomes. Returns 0, or -1: nothing was changed. (The
 * parser has seen that the header is there; the kernel's verifier does not remember.) */
static __always_inline int translate(struct xdp_md *ctx, const struct packet *packet,
				     const struct connection_key *becomes)
{
	void *end = (void *)(long)ctx->data_end;
	struct tcphdr *tcp = packet->transport;
	struct udphdr *udp = packet->transport;

	if (packet->flow.protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > end)
			return -1;
		tcp->check = checksum_mend(tcp->check, translate_all(packet, becomes));
	} else {
		if ((void *)(udp + 1) > end)
			return -1;
		udp->check = udp_checksum_mend(udp->check, translate_all(packet, becomes));
	}
	return 0;
}

/* Turns an ICMP error, about a packet that went the other way, into what the other side must read
 * (RFC 5508): the quoted packet becomes what that side has sent. `becomes` is what the packets of
 * the error's own direction become. Returns 0, or -1: nothing was changed. */
static __always_inline int translate_icmp_error(struct xdp_md *ctx, const struct packet *packet,
						const struct connection_key *becomes)
{
	void *end = (void *)(long)ctx->data_end;
	struct icmp_header *icmp = packet->transport;
	struct iphdr *quote = (void *)(icmp + 1);
	struct ports *ports = (void *)quote + quote->ihl * 4;
	struct tcphdr *tcp = (void *)ports;
	struct udphdr *udp = (void *)ports;
	__u64 address_change, port_change, icmp_change;
	/* The router that complains keeps its address; if the other end does so itself, it has that
	 * other address there. */
	__be32 source =
		packet->ip->saddr == packet->flow.client ? becomes->source : packet->ip->saddr;

	if ((void *)(udp + 1) > end)
		return -1;

	/* Inside: the addresses and the quote's own checksum change by opposite amounts, so that
	 * the ICMP checksum, which covers both, does not see them. */
	address_change = translate_addresses(quote, becomes->destination, becomes->source);
	port_change = translate_ports(ports, becomes->destination_port, becomes->source_port);
	icmp_change = port_change;
	if (packet->flow.protocol == IPPROTO_UDP) {
		__u16 check = udp->check;

		udp->check = udp_checksum_mend(check, address_change + port_change);
		icmp_change += checksum_change16(check, udp->check);
	} else if ((void *)(tcp + 1) <= end) { /* RFC 792 quotes less than that, Linux more */
		__u16 check = tcp->check;

		tcp->check = checksum_mend(check, address_change + port_change);
		icmp_change += checksum_change16(check, tcp->check);
	}
	icmp->checksum = checksum_mend(icmp->checksum, icmp_change);

	translate_addresses(packet->ip, source, becomes->destination);
	return 0;
}

#endif
