/* SPDX-License-Identifier: GPL-2.0-only */
/* From a packet to what it becomes: the way of xdp_nat, through its connections. */
#ifndef HEADERS_NAT_FIND_H
#define HEADERS_NAT_FIND_H

#include "../../maps/backends.h"
#include "../../maps/destinations.h"
#include "../../maps/nexthops.h"
#include "../lb/fragments.h"
#include "../lb/services.h"
#include "../lb/slots.h"
#include "../lb/story.h"
#include "../lb/verdict.h"
#include "connection.h"
#include "handshake.h"
#include "ports.h"
#include "reset.h"

/* Returns whether a connection may begin with this packet. */
static __always_inline int is_first(const struct packet *packet)
{
	return packet->flow.protocol == IPPROTO_UDP || packet->opens;
}

/* A packet of no connection: begins one, if it is for a service and can be the first. */
static __always_inline enum verdict begin(const struct nat_packet *np, struct translation *to)
{
	struct packet *packet = np->packet;
	struct service *service;
	struct backend *backend;

	if (packet->parsed == PARSED_ICMP_ERROR) {
		note_for_kernel(packet);
		return VERDICT_NOT_OURS;
	}
	service = find_service(&packet->flow);
	if (!service) {
		note_for_kernel(packet);
		return stray(np);
	}
	if (!is_first(packet))
		return VERDICT_NO_CONNECTION;
	packet->backend = find_slot(service, &packet->flow, np->lb).now;
	backend = usable_backend(packet->backend);
	if (!backend)
		return VERDICT_NO_BACKEND;
	if (!ipv4_of(&np->lb->address))
		return VERDICT_NO_ADDRESS;
	packet->opens = 1;
	return start_handshake(np, backend, to);
}

/* A packet with ports: its connection, its handshake, or a new one. */
static __always_inline enum verdict follow_ports(struct packet *packet,
						 const struct load_balancer *lb,
						 const struct nat *settings, struct translation *to)
{
	struct ipv4_key key = ipv4_key_of(&packet->flow);
	struct nat_packet np = {packet, &key, settings, lb};
	struct connection *connection;

	if (key.destination != ipv4_of(&lb->address) && !may_be_ours(&packet->flow.vip, 4)) {
		note_for_kernel(packet);
		return VERDICT_NOT_OURS;
	}
	np.now = bpf_ktime_get_coarse_ns();
	connection = connection_of(&np);
	if (connection && is_lost(&connection->translation)) {
		free_connection(&key, connection);
		return is_first(packet) ? begin(&np, to) : reset(&np);
	}
	if (connection) {
		*to = connection->translation;
		if (packet->parsed == PARSED_FLOW)
			connection->seen = np.now;
		if (packet->parsed == PARSED_FLOW && key.protocol == IPPROTO_TCP)
			watch_closing(connection, packet->tcp_flags);
		return VERDICT_GO_ON;
	}
	if (recall_handshake(&np, to) && !is_lost(to) && !has_lost_its_answers(&np, to))
		return packet->parsed == PARSED_FLOW ? continue_handshake(&np, to) : VERDICT_GO_ON;
	return begin(&np, to);
}

/* A later fragment has no ports: what it becomes was noted with the first one. */
static __always_inline void note_translation(const struct packet *packet,
					     const struct translation *to)
{
	note_fragment(packet, (struct fragment_note){
				      .backend = to->backend,
				      .direction = to->direction,
				      .source = to->source,
				      .destination = to->destination,
			      });
}

static __always_inline enum verdict recall_translation(const struct packet *packet,
						       struct translation *to)
{
	struct fragment_note *note = recall_fragment(packet);

	if (!note)
		return is_vip(packet->flow.vip, 4) ? VERDICT_FRAGMENT_UNKNOWN : VERDICT_NOT_OURS;
	if (!note->backend)
		return VERDICT_NOT_OURS;
	to->source = note->source;
	to->destination = note->destination;
	to->backend = note->backend;
	to->direction = note->direction;
	return VERDICT_GO_ON;
}

static __always_inline enum verdict look_up(struct packet *packet, const struct load_balancer *lb,
					    const struct nat *settings, struct translation *to)
{
	switch (packet->parsed) {
	case PARSED_OTHER:
		note_for_kernel(packet);
		return VERDICT_NOT_OURS;
	case PARSED_BROKEN:
		return is_vip(packet->flow.vip, 4) ? VERDICT_MALFORMED : VERDICT_NOT_OURS;
	case PARSED_LATER_FRAGMENT:
		return recall_translation(packet, to);
	default:
		return follow_ports(packet, lb, settings, to);
	}
}

/* Finds the connection of a packet that parse_packet() has read, or begins one. Returns
 * VERDICT_GO_ON and sets packet->backend and *to, or says what becomes of the packet instead. */
static __always_inline enum verdict find_translation(struct packet *packet,
						     const struct load_balancer *lb,
						     const struct nat *settings,
						     struct translation *to)
{
	enum verdict verdict;

	begin_story(packet, lb);
	verdict = look_up(packet, lb, settings, to);
	if (verdict != VERDICT_GO_ON)
		return verdict;
	packet->backend = to->backend;
	if (packet->piece == PIECE_FIRST)
		note_translation(packet, to);
	return VERDICT_GO_ON;
}

/* Returns the id that the next hop of a packet is kept under: the backend's, or one for the
 * client's address. */
static __always_inline __u32 nexthop_id(const struct translation *to)
{
	if (to->direction == DIRECTION_REQUEST)
		return to->backend;
	return MAX_BACKENDS + spread(to->destination, CLIENT_NEXTHOPS);
}

#endif
