/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP errors as RFC 792, RFC 1191 (IPv4) and RFC 4443 (IPv6) define them, and how one is read.
 * (<linux/icmp.h> includes the C library's headers, which a BPF program cannot have.) */
#ifndef HEADERS_PACKET_ICMP_H
#define HEADERS_PACKET_ICMP_H

#include <linux/in.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "cursor.h"
#include "ip.h"
#include "packet.h"

#define ICMP_DEST_UNREACH 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMP_EXC_TTL 0	   /* code of time exceeded: in transit */
#define ICMP_FRAG_NEEDED 4 /* code of destination unreachable: too big, and DF is set */

#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PACKET_TOO_BIG 2
#define ICMPV6_TIME_EXCEEDED 3
#define ICMPV6_PARAMETER_PROBLEM 4

struct icmp_header {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	union {
		struct {
			__be16 unused;
			__be16 mtu; /* for ICMP_FRAG_NEEDED, in bytes */
		};
		__be32 mtu6; /* for ICMPV6_PACKET_TOO_BIG */
	};
};

/* The quoted packet went from the VIP to the client, so the flow is the quote read backwards.
 * `ports` is where its ports are, TCP's or UDP's. Returns 0, or -1 if they are not there. */
static __always_inline int read_quoted_ports(void *ports, void *end, int protocol,
					     struct packet *packet)
{
	struct udphdr *quoted = ports; /* an error quotes 8 bytes of it at least */

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return -1;
	if ((void *)(quoted + 1) > end)
		return -1;
	packet->quoted_ports = ports;
	packet->flow.client_port = quoted->dest;
	packet->flow.vip_port = quoted->source;
	packet->flow.protocol = protocol;
	return 0;
}

static __always_inline int parse_icmpv4_error(struct cursor *cursor, __u32 length,
					      struct packet *packet)
{
	struct icmp_header *icmp = cursor->pos;
	struct iphdr *quote = (void *)(icmp + 1);

	if ((void *)(quote + 1) > cursor->end || length < sizeof(*icmp) + sizeof(*quote))
		return -1;
	if (icmp->type != ICMP_DEST_UNREACH && icmp->type != ICMP_TIME_EXCEEDED &&
	    icmp->type != ICMP_PARAMETERPROB)
		return -1;
	if (quote->version != 4 || quote->ihl * 4 < sizeof(*quote))
		return -1;
	if (is_later_fragment(quote) || quote->saddr != ipv4_of(&packet->flow.vip))
		return -1;
	if (length < sizeof(*icmp) + quote->ihl * 4 + sizeof(struct udphdr) ||
	    read_quoted_ports((void *)quote + quote->ihl * 4, cursor->end, quote->protocol, packet))
		return -1;
	packet->flow.client = ipv4_address(quote->daddr);
	return 0;
}

/* `at`: how far the ICMP header is from the frame's first byte. */
static __always_inline int parse_icmpv6_error(struct cursor *cursor, __u32 length, __u32 at,
					      struct packet *packet)
{
	struct icmp_header *icmp = cursor->pos;
	struct ipv6hdr *quote = (void *)(icmp + 1);
	struct chain_walk walk = {.ctx = packet->ctx, .at = at + sizeof(*icmp) + sizeof(*quote)};
	union address vip;
	__u32 extensions;

	if ((void *)(quote + 1) > cursor->end || length < sizeof(*icmp) + sizeof(*quote))
		return -1;
	if (icmp->type < ICMPV6_DEST_UNREACH || icmp->type > ICMPV6_PARAMETER_PROBLEM)
		return -1;
	vip = ipv6_address(&quote->saddr);
	if (quote->version != 6 || !same_address(&vip, &packet->flow.vip, 6))
		return -1;
	walk.end = at + length;
	walk.start = walk.at;
	walk.protocol = quote->nexthdr;
	if (is_extension(walk.protocol) && walk_chain(&walk) != CHAIN_READ)
		return -1;
	extensions = walk.at - walk.start;
	if (walk.fragment & bpf_htons(IPV6_FRAGMENT_OFFSET) ||
	    length < sizeof(*icmp) + sizeof(*quote) + extensions + sizeof(struct udphdr))
		return -1;
	packet->flow.client = ipv6_address(&quote->daddr);
	return read_quoted_ports((void *)(quote + 1) + (extensions & (2 * MAX_EXTENSION_BYTES - 1)),
				 cursor->end, walk.protocol, packet);
}

/* An ICMP error quotes the packet that it is about: its IP header and at least 8 bytes more, enough
 * for the ports. `length` is what the packet has from the ICMP header on. Returns 0 and sets
 * packet->flow, or -1 if this is no error, or quotes no TCP or UDP from the VIP. */
static __always_inline int parse_icmp_error(struct cursor *cursor, __u32 length,
					    struct packet *packet)
{
	if (packet->flow.family == 4)
		return parse_icmpv4_error(cursor, length, packet);
	return parse_icmpv6_error(cursor, length, packet->l2_length + packet->length - length,
				  packet);
}

#endif
