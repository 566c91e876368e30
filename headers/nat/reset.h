/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection whose backend gets nothing any more, because it is down or has failed: its client is
 * told at once, by a reset in the name of the service (RFC 9293, 3.5.2), and may connect anew.
 * (With xdp_ipip and xdp_l2dsr nobody needs to: such packets go to another backend, who resets what
 * it does not know.) */
#ifndef HEADERS_NAT_RESET_H
#define HEADERS_NAT_RESET_H

#include "../lb/answer.h"
#include "../lb/verdict.h"
#include "../packet/tcp_udp.h"
#include "connection.h"
#include "waiting.h"

#define RESET_LENGTH (sizeof(struct iphdr) + sizeof(struct tcphdr))

/* Turns the packet of a client into a reset of its connection, without options and payload. Returns
 * 0, or -1: drop it. */
static __always_inline int make_reset(const struct packet *packet)
{
	struct xdp_md *ctx = packet->ctx;
	__u32 l2_length = bounded_l2_length(packet->l2_length);
	struct tcphdr *tcp;
	struct iphdr *ip;
	__u64 sum;

	if (bpf_xdp_adjust_tail(ctx,
				(int)(l2_length + RESET_LENGTH) - (int)bpf_xdp_get_buff_len(ctx)))
		return -1;
	if (swap_macs(ctx))
		return -1;
	ip = (void *)(long)ctx->data + l2_length;
	tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end)
		return -1;
	*ip = (struct iphdr){
		.version = 4,
		.ihl = sizeof(*ip) / 4,
		.tot_len = bpf_htons(RESET_LENGTH),
		.ttl = ICMP_TTL,
		.protocol = IPPROTO_TCP,
		.saddr = ipv4_of(&packet->flow.vip),
		.daddr = ipv4_of(&packet->flow.client),
	};
	ip->check = ipv4_checksum(ip);
	*tcp = (struct tcphdr){
		.source = packet->flow.vip_port,
		.dest = packet->flow.client_port,
		.seq = packet->acknowledgement,
		.doff = sizeof(*tcp) / 4,
		.rst = 1,
	};
	/* The sum over the pseudo header (addresses, protocol, length), and over what is not 0. */
	sum = sum_pseudo_header(&packet->flow.vip, &packet->flow.client, IPPROTO_TCP,
				sizeof(*tcp)) +
	      packet->flow.vip_port + packet->flow.client_port + packet->acknowledgement +
	      bpf_htons(sizeof(*tcp) / 4 << 12 | TCP_RST);
	tcp->check = ~checksum_fold(sum);
	return 0;
}

/* Returns whether a packet, which would become `to`, is for a backend that gets nothing any more.
 * (One that was deleted keeps its connections; its id may be another's by now.) */
static __always_inline int is_lost(const struct translation *to)
{
	__u32 id = to->backend;
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);

	return backend && !is_usable(backend) && backend->state != BACKEND_FREE &&
	       to->direction == DIRECTION_REQUEST && ipv4_of(&backend->address) == to->destination;
}

/* Such a packet: returns VERDICT_RESET, and the packet is what its client shall get; or
 * VERDICT_NO_CONNECTION. */
static __always_inline enum verdict reset(const struct nat_packet *np)
{
	const struct packet *packet = np->packet;

	if (packet->parsed != PARSED_FLOW || packet->flow.protocol != IPPROTO_TCP ||
	    (packet->tcp_flags & (TCP_RST | TCP_ACK)) != TCP_ACK)
		return VERDICT_NO_CONNECTION;
	return make_reset(packet) ? VERDICT_BUG : VERDICT_RESET;
}

#endif
