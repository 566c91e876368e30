/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP and UDP headers, as far as a load balancer reads them. */
#ifndef HEADERS_PACKET_TCP_UDP_H
#define HEADERS_PACKET_TCP_UDP_H

#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "cursor.h"
#include "packet.h"

/* The flags of a TCP header (RFC 9293, 3.1), in its byte 13. */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* TCP and UDP have their ports at the same place. */
struct ports {
	__be16 source;
	__be16 destination;
};

/* Reads ports, flags and numbers. `length` is what the IP packet has left for TCP; a first fragment
 * may end within the options, but not before. Returns 0 or -1. */
static __always_inline int parse_tcp(struct cursor *cursor, __u32 length, int fragment,
				     struct packet *packet)
{
	struct tcphdr *tcp = cursor->pos;

	if ((void *)(tcp + 1) > cursor->end || length < sizeof(*tcp))
		return -1;
	if (tcp->doff * 4 < sizeof(*tcp) || (!fragment && tcp->doff * 4 > length))
		return -1;
	packet->flow.client_port = tcp->source;
	packet->flow.vip_port = tcp->dest;
	packet->tcp_flags = ((__u8 *)tcp)[13];
	packet->opens = (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	packet->sequence = tcp->seq;
	packet->acknowledgement = tcp->ack_seq;
	return 0;
}

static __always_inline int parse_udp(struct cursor *cursor, __u32 length, int fragment,
				     struct flow *flow)
{
	struct udphdr *udp = cursor->pos;

	if ((void *)(udp + 1) > cursor->end || length < sizeof(*udp))
		return -1;
	if (bpf_ntohs(udp->len) < sizeof(*udp) || (!fragment && bpf_ntohs(udp->len) > length))
		return -1;
	flow->client_port = udp->source;
	flow->vip_port = udp->dest;
	return 0;
}

#endif
