/* SPDX-License-Identifier: GPL-2.0-only */
/* parse_link() and parse_packet(): the whole way from a frame's first byte down to the ports. */
#ifndef HEADERS_PACKET_PARSE_H
#define HEADERS_PACKET_PARSE_H

#include <linux/in.h>

#include "cursor.h"
#include "ethernet.h"
#include "icmp.h"
#include "ip.h"
#include "packet.h"
#include "tcp_udp.h"

/* Reads a frame's link-layer header. Returns the family of the packet behind it, 4 or 6, or 0:
 * there is no IP packet to one host. */
static __always_inline int parse_link(struct packet *packet)
{
	struct cursor cursor = cursor_at_start(packet->ctx);
	int type = parse_ethernet(&cursor, &packet->l2_length);

	packet->l2_length =
		bounded_l2_length(packet->l2_length + unknown_zero(packet->frame_length));
	packet->network = (void *)(long)packet->ctx->data + packet->l2_length;
	if (is_of_group(packet->ctx))
		return 0;
	return type == ETH_P_IP ? 4 : type == ETH_P_IPV6 ? 6 : 0;
}

/* Reads what the IP header says is behind it, `length` bytes of `protocol`. */
static __always_inline enum parsed parse_transport(struct cursor *cursor, __u32 length,
						   int protocol, struct packet *packet)
{
	int fragment = packet->piece == PIECE_FIRST, failed;

	packet->transport = cursor->pos;
	if (protocol == IPPROTO_TCP)
		failed = parse_tcp(cursor, length, fragment, packet);
	else if (protocol == IPPROTO_UDP)
		failed = parse_udp(cursor, length, fragment, &packet->flow);
	else if (protocol == (packet->flow.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return parse_icmp_error(cursor, length, packet) ? PARSED_OTHER : PARSED_ICMP_ERROR;
	else
		return PARSED_OTHER;
	return failed ? PARSED_BROKEN : PARSED_FLOW;
}

static __always_inline enum parsed parse_ipv4_packet(struct cursor *cursor, struct packet *packet)
{
	struct iphdr *ip = cursor->pos;
	int protocol;

	if ((void *)(ip + 1) > cursor->end)
		return PARSED_OTHER;
	packet->ip = ip;
	packet->flow.client = ipv4_address(ip->saddr);
	packet->flow.vip = ipv4_address(ip->daddr);

	protocol = parse_ipv4(cursor, packet->frame_length - packet->l2_length);
	if (protocol < 0)
		return PARSED_BROKEN;
	packet->flow.protocol = protocol;
	packet->length = bpf_ntohs(ip->tot_len);
	packet->header_length = ip->ihl * 4;
	if (is_later_fragment(ip)) {
		packet->piece = PIECE_LATER;
		return PARSED_LATER_FRAGMENT;
	}
	if (is_fragment(ip))
		packet->piece = PIECE_FIRST;
	return parse_transport(cursor, packet->length - ip->ihl * 4, protocol, packet);
}

/* Steps over extension headers, if there are any, and sets *protocol to what stands behind them. */
static __always_inline enum chain parse_extensions(struct cursor *cursor, struct packet *packet,
						   int *protocol)
{
	struct chain_walk walk = {
		.ctx = packet->ctx,
		.at = packet->l2_length + sizeof(struct ipv6hdr),
		.end = packet->l2_length + packet->length,
		.protocol = *protocol,
	};
	enum chain chain;
	__u32 extensions;

	if (!is_extension(*protocol))
		return CHAIN_READ;
	chain = walk_chain(&walk);
	if (chain != CHAIN_READ)
		return chain;
	*protocol = walk.protocol;
	extensions = (walk.at - walk.start) & (2 * MAX_EXTENSION_BYTES - 1);
	cursor->pos += extensions;
	packet->header_length += extensions;
	packet->fragment_id = walk.fragment_id;
	if (walk.fragment & bpf_htons(IPV6_FRAGMENT_OFFSET))
		packet->piece = PIECE_LATER;
	else if (walk.fragment & bpf_htons(IPV6_MORE_FRAGMENTS))
		packet->piece = PIECE_FIRST;
	return CHAIN_READ;
}

static __always_inline enum parsed parse_ipv6_packet(struct cursor *cursor, struct packet *packet)
{
	struct ipv6hdr *ip6 = cursor->pos;
	int protocol;
	__u32 left;

	if ((void *)(ip6 + 1) > cursor->end)
		return PARSED_OTHER;
	packet->ip6 = ip6;
	packet->flow.client = ipv6_address(&ip6->saddr);
	packet->flow.vip = ipv6_address(&ip6->daddr);

	protocol = parse_ipv6(cursor, packet->frame_length - packet->l2_length);
	if (protocol < 0)
		return PARSED_BROKEN;
	packet->length = sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
	packet->header_length = sizeof(*ip6);
	switch (parse_extensions(cursor, packet, &protocol)) {
	case CHAIN_BROKEN:
		return PARSED_BROKEN;
	case CHAIN_UNREADABLE:
		return PARSED_UNREADABLE;
	default:
		break;
	}
	packet->flow.protocol = protocol;
	if (packet->piece == PIECE_LATER)
		return PARSED_LATER_FRAGMENT;
	left = packet->length - (cursor->pos - packet->network);
	return parse_transport(cursor, left, protocol, packet);
}

/* Reads an IP packet of packet->flow.family, from packet->network on, down to its ports:
 * packet->parsed says what it is, and what else is set. Fields of what is not there stay 0. */
static __always_inline void parse_packet(struct packet *packet)
{
	struct cursor cursor = {packet->network, (void *)(long)packet->ctx->data_end};

	packet->parsed = packet->flow.family == 4 ? parse_ipv4_packet(&cursor, packet)
						  : parse_ipv6_packet(&cursor, packet);
}

#endif
