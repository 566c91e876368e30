/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection whose backend gets nothing any more, because it is down or has failed: its client is
 * told at once, by a reset in the name of the service (RFC 9293, 3.5.2), and may connect anew.
 * (With xdp_ipip and xdp_l2dsr nobody needs to: such packets go to another backend, who resets what
 * it does not know.) */
#ifndef HEADERS_NAT_RESET_H
#define HEADERS_NAT_RESET_H

#include "../../maps/backends.h"
#include "../../maps/types/translation.h"
#include "../lb/clients.h"
#include "../lb/verdict.h"
#include "../packet/ethernet.h"
#include "../packet/ip.h"
#include "../packet/sum.h"
#include "../packet/tcp_udp.h"
#include "connection.h"

#define RESET_HOPS 64

/* What a reset says. */
struct reset {
	struct connection_key key; /* of the client's packet */
	__be32 sequence;
	__u32 l2_length; /* Ethernet header and VLAN tags */
};

static __always_inline void write_reset_ipv4(struct iphdr *ip, const struct reset *reset)
{
	*ip = (struct iphdr){
		.version = 4,
		.ihl = sizeof(*ip) / 4,
		.tot_len = bpf_htons(sizeof(*ip) + sizeof(struct tcphdr)),
		.ttl = RESET_HOPS,
		.protocol = IPPROTO_TCP,
		.saddr = ipv4_of(&reset->key.destination),
		.daddr = ipv4_of(&reset->key.source),
	};
	ip->check = ipv4_checksum(ip);
}

static __always_inline void write_reset_ipv6(struct ipv6hdr *ip6, const struct reset *reset)
{
	*ip6 = (struct ipv6hdr){
		.version = 6,
		.payload_len = bpf_htons(sizeof(struct tcphdr)),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = RESET_HOPS,
	};
	__builtin_memcpy(&ip6->saddr, &reset->key.destination, sizeof(ip6->saddr));
	__builtin_memcpy(&ip6->daddr, &reset->key.source, sizeof(ip6->daddr));
}

static __always_inline void write_reset_tcp(struct tcphdr *tcp, const struct reset *reset)
{
	const struct connection_key *key = &reset->key;

	*tcp = (struct tcphdr){
		.source = key->destination_port,
		.dest = key->source_port,
		.seq = reset->sequence,
		.doff = sizeof(*tcp) / 4,
		.rst = 1,
	};
	/* The sum over the pseudo header, and over what is not 0. */
	tcp->check = ~checksum_fold(
		sum_pseudo_header(&key->source, &key->destination, IPPROTO_TCP, sizeof(*tcp)) +
		key->source_port + key->destination_port + reset->sequence +
		bpf_htons(sizeof(*tcp) / 4 << 12 | TCP_RST));
}

/* Turns the packet of a client into a reset of its connection, without options and payload. Returns
 * 0, or -1: drop it. (A function of its own, not inlined: it is rare.) */
__attribute__((noinline)) int write_reset(struct xdp_md *ctx, const struct reset *reset)
{
	__u32 l2_length, ip;
	void *at, *end;

	if (!reset)
		return -1;
	l2_length = bounded_l2_length(reset->l2_length);
	ip = ip_length(reset->key.family);
	if (bpf_xdp_adjust_tail(ctx, (int)(l2_length + ip + sizeof(struct tcphdr)) -
					     (int)bpf_xdp_get_buff_len(ctx)) ||
	    swap_macs(ctx))
		return -1;
	at = (void *)(long)ctx->data + l2_length;
	end = (void *)(long)ctx->data_end;
	if (reset->key.family == 4) {
		if (at + sizeof(struct iphdr) + sizeof(struct tcphdr) > end)
			return -1;
		write_reset_ipv4(at, reset);
		write_reset_tcp(at + sizeof(struct iphdr), reset);
		return 0;
	}
	if (at + sizeof(struct ipv6hdr) + sizeof(struct tcphdr) > end)
		return -1;
	write_reset_ipv6(at, reset);
	write_reset_tcp(at + sizeof(struct ipv6hdr), reset);
	return 0;
}

/* Resets the connection of a client's packet. Returns VERDICT_RESET, and the frame is what the
 * client shall get. */
static __always_inline enum verdict reset_connection(const struct packet *packet)
{
	struct reset reset = {
		.key = key_of(&packet->flow),
		.sequence = packet->acknowledgement,
		.l2_length = packet->l2_length,
	};

	return write_reset(packet->ctx, &reset) ? VERDICT_BUG : VERDICT_RESET;
}

/* Returns whether a packet, which would become `to`, is for this backend. (One that was deleted
 * keeps its connections; its id may be another's by now.) */
static __always_inline int is_for(const struct backend *backend, const struct translation *to)
{
	return backend->state != BACKEND_FREE && to->direction == DIRECTION_REQUEST &&
	       backend->family == to->family &&
	       same_address(&backend->address, &to->destination, to->family);
}

/* Returns whether a packet, which would become `to`, is for a backend that gets nothing any more.
 */
static __always_inline int is_lost(const struct translation *to)
{
	__u32 id = to->backend;
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);

	return backend && !is_usable(backend) && is_for(backend, to);
}

/* Returns whether it is of a client (`key` is the packet's own) that the backend's service does not
 * want any more. */
static __always_inline int is_denied(const struct connection_key *key, const struct translation *to)
{
	__u32 id = to->backend;
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);

	return backend && backend->flags & BACKEND_LISTED && is_for(backend, to) &&
	       denies(backend->service, &key->source, key->family);
}

/* Returns what becomes of such a packet: VERDICT_RESET, if its client has to be told. */
static __always_inline enum verdict lost(const struct nat_packet *np)
{
	if (np->is_error || np->key.protocol != IPPROTO_TCP ||
	    (np->tcp_flags & (TCP_RST | TCP_ACK)) != TCP_ACK)
		return VERDICT_NO_CONNECTION;
	return VERDICT_RESET;
}

#endif
