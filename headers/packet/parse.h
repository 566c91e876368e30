/* SPDX-License-Identifier: GPL-2.0-only */
/* parse_packet(): the whole way from a frame's first byte down to its ports. */
#ifndef HEADERS_PACKET_PARSE_H
#define HEADERS_PACKET_PARSE_H

#include <linux/in.h>

#include "cursor.h"
#include "ethernet.h"
#include "icmp.h"
#include "ipv4.h"
#include "packet.h"
#include "tcp_udp.h"

/* Reads what the IPv4 header says is behind it, `length` bytes of `protocol`. */
static __always_inline enum parsed parse_transport(struct cursor *cursor, __u32 length,
						   int protocol, struct packet *packet)
{
	int failed;

	packet->transport = cursor->pos;
	switch (protocol) {
	case IPPROTO_TCP:
		failed = parse_tcp(cursor, length, is_first_fragment(packet->ip), packet);
		break;
	case IPPROTO_UDP:
		failed = parse_udp(cursor, length, is_first_fragment(packet->ip), &packet->flow);
		break;
	case IPPROTO_ICMP:
		return parse_icmp_error(cursor, length, &packet->flow) ? PARSED_OTHER
								       : PARSED_ICMP_ERROR;
	default:
		return PARSED_OTHER;
	}
	return failed ? PARSED_BROKEN : PARSED_FLOW;
}

static __always_inline enum parsed parse_frame(struct packet *packet)
{
	struct cursor cursor = cursor_at_start(packet->ctx);
	struct iphdr *ip;
	int protocol;

	if (is_for_group(packet->ctx) || parse_ethernet(&cursor, &packet->l2_length) != ETH_P_IP)
		return PARSED_OTHER;
	ip = cursor.pos;
	if ((void *)(ip + 1) > cursor.end)
		return PARSED_OTHER;
	packet->ip = ip;
	packet->flow.client = ip->saddr;
	packet->flow.vip = ip->daddr;

	protocol = parse_ipv4(&cursor, packet->frame_length - packet->l2_length);
	if (protocol < 0)
		return PARSED_BROKEN;
	packet->flow.protocol = protocol;
	packet->length = bpf_ntohs(ip->tot_len);
	if (is_later_fragment(ip))
		return PARSED_LATER_FRAGMENT;
	return parse_transport(&cursor, packet->length - ip->ihl * 4, protocol, packet);
}

/* Reads a frame down to its ports: packet->parsed says what it is, and what else is set. Fields of
 * what is not there stay 0. */
static __always_inline void parse_packet(struct packet *packet)
{
	packet->parsed = parse_frame(packet);
}

#endif
