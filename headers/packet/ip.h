/* SPDX-License-Identifier: GPL-2.0-only */
/* What the IP header of either family says. */
#ifndef HEADERS_PACKET_IP_H
#define HEADERS_PACKET_IP_H

#include "ipv4.h"
#include "ipv6.h"
#include "packet.h"
#include "tcp_udp.h"

/* The mark of an outer packet: a backend has handed on what is inside to another one
 * (headers/decap/chance.h). It is in a field that means nothing else there: in IPv4 the id, because
 * DF is set (RFC 6864), in IPv6 the flow label. */
#define HANDED_ON 1

/* From whom to whom: what stands in the headers of a packet that leaves. */
struct path {
	const union address *source;
	const union address *destination;
	__u8 family;	    /* of both: 4 or 6 */
	struct ports ports; /* of a tunnel in UDP */
	__u8 mark;	    /* of an outer packet: 0, or HANDED_ON */
	__u8 begins_here;   /* 1: this machine itself is who sends it */
};

/* Returns the length of an IP header of a family, without options. */
static __always_inline __u32 ip_length(__u8 family)
{
	return family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* Returns an address as it stands in an IPv6 header. */
static __always_inline union address ipv6_address(const struct in6_addr *address)
{
	const union address *same = (const void *)address;

	return *same;
}

/* Returns whether an address is of no single host, or of the host itself. */
static __always_inline int is_no_host(const union address *address, __u8 family)
{
	__u8 first = address->octets[0];

	if (family == 4)
		return first == 0 || first == 127 || first >= 224;
	if (first == 0xff)
		return 1;
	return !(address->words[0] | address->words[1] | address->words[2]) &&
	       (address->words[3] == 0 || address->words[3] == bpf_htonl(1));
}

/* Returns whom the packet itself comes from and goes to: the flow of an ICMP error is that of the
 * packet that it quotes. */
static __always_inline union address source_of(const struct packet *packet)
{
	return packet->flow.family == 4 ? ipv4_address(packet->ip->saddr)
					: ipv6_address(&packet->ip6->saddr);
}

static __always_inline union address destination_of(const struct packet *packet)
{
	return packet->flow.family == 4 ? ipv4_address(packet->ip->daddr)
					: ipv6_address(&packet->ip6->daddr);
}

/* Returns how many hops the packet may go yet. */
static __always_inline __u8 hop_limit(const struct packet *packet)
{
	return packet->flow.family == 4 ? packet->ip->ttl : packet->ip6->hop_limit;
}

/* Takes one off, as a router does. The caller has made sure that it is above 1. */
static __always_inline void decrement_hop_limit(const struct packet *packet)
{
	if (packet->flow.family == 4)
		decrement_ttl(packet->ip);
	else
		packet->ip6->hop_limit--;
}

/* Returns DSCP and ECN. */
static __always_inline __u8 traffic_class(const struct packet *packet)
{
	return packet->flow.family == 4 ? packet->ip->tos : ipv6_traffic_class(packet->ip6);
}

/* Returns whether routers may not fragment the packet. With IPv6 they never do. */
static __always_inline int is_unfragmentable(const struct packet *packet)
{
	return packet->flow.family == 6 || packet->ip->frag_off & bpf_htons(IP_DONT_FRAGMENT);
}

#endif
