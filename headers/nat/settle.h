/* SPDX-License-Identifier: GPL-2.0-only */
/* What a packet of no open connection belongs to: a connection that may be over, a handshake, or a
 * new connection. One code for both families. */
#ifndef HEADERS_NAT_SETTLE_H
#define HEADERS_NAT_SETTLE_H

#include "../../maps/backends.h"
#include "../../maps/load_balancer.h"
#include "../lb/clients.h"
#include "../lb/limit.h"
#include "../lb/quic.h"
#include "../lb/services.h"
#include "../lb/slots.h"
#include "../lb/verdict.h"
#include "connection.h"
#include "handshake.h"
#include "ports.h"
#include "reset.h"

/* Returns whether a connection may begin with this packet. */
static __always_inline int is_first(const struct nat_packet *np)
{
	return !np->is_error && (np->key.protocol == IPPROTO_UDP || np->opens);
}

/* A packet of no connection: begins one, if it is for a service and can be the first. */
static __always_inline enum verdict begin(struct xdp_md *ctx, struct nat_packet *np)
{
	const struct load_balancer *lb = this_load_balancer();
	struct flow flow = flow_of(&np->key);
	const union address *own;
	struct service *service;
	struct backend *backend;
	int named = 0;

	if (np->is_error)
		return VERDICT_NOT_OURS;
	service = find_service(&flow);
	if (!service)
		return stray(ctx, np);
	if (service->flags & SERVICE_LISTED && denies(service->id, &flow.client, flow.family))
		return VERDICT_DENIED;
	if (!is_first(np))
		return VERDICT_NO_CONNECTION;
	if (!lb)
		return VERDICT_BUG;
	if (service->id_bytes)
		named = named_backend(ctx, np->payload, service->id, service->id_bytes);
	if (named > 0)
		np->backend = named;
	else if (service->flags & SERVICE_LIMITED &&
		 exceeds_limit(service->id, np->key.family, half(&np->key.source, 0),
			       half(&np->key.source, 2)))
		return VERDICT_LIMITED;
	else
		np->backend = find_slot(service, &flow, lb).now;
	backend = usable_backend(np->backend);
	if (!backend)
		return VERDICT_NO_BACKEND;
	own = own_address(lb, backend->family);
	if (is_unset(own, backend->family))
		return VERDICT_NO_ADDRESS;
	np->opens = 1;
	return start_handshake(ctx, np, backend, own);
}

/* Returns the connection that the packet belongs to, or NULL. A SYN after the end of one frees it:
 * the client uses its port again. */
static __always_inline struct connection *connection_of(struct nat_packet *np)
{
	struct connection *connection = find_live(np, &np->key);

	if (connection && np->opens && connection->closing &&
	    connection->translation.direction == DIRECTION_REQUEST) {
		free_connection(np, &np->key, connection);
		return NULL;
	}
	return connection;
}

/* Finds what the packet at this_nat_packet() belongs to. Returns VERDICT_GO_ON and sets its
 * `becomes`, or says what becomes of it instead. (A function of its own, not inlined: it is the
 * same for both families, and has a stack of its own.) */
__attribute__((noinline)) int settle(struct xdp_md *ctx)
{
	struct nat_packet *np = this_nat_packet();
	struct connection *connection;

	if (!np)
		return VERDICT_BUG;
	connection = np->is_known ? connection_of(np) : NULL;
	if (connection && is_lost(&connection->translation)) {
		free_connection(np, &np->key, connection);
		return is_first(np) ? begin(ctx, np) : lost(np);
	}
	if (connection) {
		np->becomes = connection->translation;
		if (!np->is_error)
			note_packet(np, connection);
		return VERDICT_GO_ON;
	}
	if (recall_handshake(&np->key, np->now, &np->becomes) && !is_lost(&np->becomes) &&
	    !has_lost_its_answers(np)) {
		if (is_denied(&np->key, &np->becomes))
			return VERDICT_DENIED;
		return np->is_error ? VERDICT_GO_ON : continue_handshake(np);
	}
	return begin(ctx, np);
}

#endif
