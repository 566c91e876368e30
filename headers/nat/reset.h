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
#include "../packet/tcp_reply.h"
#include "connection.h"

/* Resets the connection of a client's packet. Returns VERDICT_RESET, and the frame is what the
 * client shall get. */
static __always_inline enum verdict reset_connection(const struct packet *packet)
{
	struct tcp_reply reset = {
		.key = key_of(&packet->flow),
		.sequence = packet->acknowledgement,
		.l2_length = packet->l2_length,
		.flags = TCP_RST,
	};

	if (swap_macs(packet->ctx) || write_tcp_reply(packet->ctx, &reset))
		return VERDICT_BUG;
	return VERDICT_RESET;
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
