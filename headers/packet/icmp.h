/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP errors as RFC 792 and RFC 1191 define them, and how one is read. (<linux/icmp.h> includes
 * the C library's headers, which a BPF program cannot have.) */
#ifndef HEADERS_PACKET_ICMP_H
#define HEADERS_PACKET_ICMP_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "cursor.h"
#include "ipv4.h"
#include "packet.h"

#define ICMP_DEST_UNREACH 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMP_EXC_TTL 0	   /* code of time exceeded: in transit */
#define ICMP_FRAG_NEEDED 4 /* code of destination unreachable: too big, and DF is set */

struct icmp_header {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be16 unused;
	__be16 mtu; /* for ICMP_FRAG_NEEDED, in bytes */
};

/* An ICMP error (RFC 792) quotes the packet that it is about: its IP header and at least 8 bytes
 * more, enough for the ports. That packet went from the VIP to the client, so the flow is the
 * quote read backwards. Returns 0, or -1 if this is no error, or quotes no TCP or UDP. */
static __always_inline int parse_icmp_error(struct cursor *cursor, __u32 length, struct flow *flow)
{
	struct icmp_header *icmp = cursor->pos;
	struct iphdr *quote = (void *)(icmp + 1);
	struct udphdr *ports; /* TCP has them at the same place */

	if ((void *)(quote + 1) > cursor->end || length < sizeof(*icmp) + sizeof(*quote))
		return -1;
	if (icmp->type != ICMP_DEST_UNREACH && icmp->type != ICMP_TIME_EXCEEDED &&
	    icmp->type != ICMP_PARAMETERPROB)
		return -1;
	if (quote->version != 4 || quote->ihl * 4 < sizeof(*quote))
		return -1;
	if (quote->protocol != IPPROTO_TCP && quote->protocol != IPPROTO_UDP)
		return -1;
	if (is_later_fragment(quote) || quote->saddr != flow->vip)
		return -1;
	ports = (void *)quote + quote->ihl * 4;
	if ((void *)(ports + 1) > cursor->end ||
	    length < sizeof(*icmp) + quote->ihl * 4 + sizeof(*ports))
		return -1;
	flow->client = quote->daddr;
	flow->client_port = ports->dest;
	flow->vip_port = ports->source;
	flow->protocol = quote->protocol;
	return 0;
}

#endif
