/* SPDX-License-Identifier: GPL-2.0-only */
/* From a packet to what it becomes: the way of xdp_nat, through its connections. */
#ifndef HEADERS_NAT_FIND_H
#define HEADERS_NAT_FIND_H

#include "../../maps/nexthops.h"
#include "../lb/clock.h"
#include "../lb/fragments.h"
#include "../lb/quic.h"
#include "../lb/services.h"
#include "../lb/story.h"
#include "../lb/verdict.h"
#include "../lb/without_ports.h"
#include "connection.h"
#include "reset.h"
#include "stages.h"

/* A packet whose connection is not there, or not open for sure, or closes: settle() shall find out
 * what it belongs to. */
static __always_inline enum verdict ask_for(const struct packet *packet, __u64 now, int is_known)
{
	struct nat_packet *np = this_nat_packet();

	if (!np)
		return VERDICT_BUG;
	np->key = key_of(&packet->flow);
	np->now = now;
	np->sequence = packet->sequence;
	np->acknowledgement = packet->acknowledgement;
	np->tcp_flags = packet->tcp_flags;
	np->is_error = packet->parsed == PARSED_ICMP_ERROR;
	np->is_known = is_known;
	np->opens = packet->opens;
	np->payload = udp_payload(packet);
	np->backend = 0;
	return VERDICT_UNSETTLED;
}

/* The same packet again, for which settle() has returned a verdict. */
static __always_inline enum verdict follow_settled(struct packet *packet, enum verdict verdict,
						   const struct translation **to)
{
	struct nat_packet *np = this_nat_packet();

	if (!np)
		return VERDICT_BUG;
	packet->opens = np->opens;
	packet->backend = np->backend;
	*to = &np->becomes;
	if (verdict == VERDICT_NOT_OURS)
		note_for_kernel(packet);
	return verdict == VERDICT_RESET ? reset_connection(packet) : verdict;
}

/* A packet with ports: its connection, its handshake, or a new one. */
static __always_inline enum verdict follow_ports(struct packet *packet,
						 const struct load_balancer *lb,
						 const struct nat *settings,
						 const struct translation **to)
{
	struct connection_key key = key_of(&packet->flow);
	struct connection *connection;
	__u64 now;

	begin_story(packet, lb);
	now = time_now();
	connection = find_entry(&key);
	if (connection && is_denied(&key, &connection->translation))
		return VERDICT_DENIED;
	if (!connection || !is_fresh(connection, settings, key.protocol, now) ||
	    is_closing(connection, packet->tcp_flags) || is_lost(&connection->translation))
		return ask_for(packet, now, connection != NULL);
	*to = &connection->translation;
	if (packet->parsed == PARSED_FLOW)
		connection->seen = now;
	return VERDICT_GO_ON;
}

/* A later fragment has no ports: what it becomes was noted with the first one. */
static __always_inline enum verdict recall_translation(const struct packet *packet,
						       const struct load_balancer *lb,
						       const struct translation **to)
{
	struct fragment_note *note = recall_fragment(packet);

	if (!note)
		return if_for_vip(packet, lb, VERDICT_FRAGMENT_UNKNOWN);
	if (!note->backend)
		return VERDICT_NOT_OURS;
	begin_story(packet, lb);
	*to = &note->becomes;
	return VERDICT_GO_ON;
}

static __always_inline enum verdict look_up(struct packet *packet, const struct load_balancer *lb,
					    const struct nat *settings,
					    const struct translation **to)
{
	enum verdict verdict = judge_without_ports(packet, lb);

	if (verdict != VERDICT_GO_ON)
		return verdict;
	if (packet->settled != VERDICT_UNSETTLED)
		return follow_settled(packet, packet->settled, to);
	return packet->parsed == PARSED_LATER_FRAGMENT ? recall_translation(packet, lb, to)
						       : follow_ports(packet, lb, settings, to);
}

/* Finds the connection of a packet that parse_packet() has read, or begins one. Returns
 * VERDICT_GO_ON and sets packet->backend and *to, or says what becomes of the packet instead. */
static __always_inline enum verdict find_translation(struct packet *packet,
						     const struct load_balancer *lb,
						     const struct nat *settings,
						     const struct translation **to)
{
	enum verdict verdict = look_up(packet, lb, settings, to);

	if (verdict != VERDICT_GO_ON)
		return verdict;
	packet->backend = (*to)->backend;
	if (packet->piece == PIECE_FIRST)
		note_fragment(packet, (*to)->backend, *to);
	return VERDICT_GO_ON;
}

/* Returns the id that the next hop of a packet is kept under: the backend's, or one for the
 * client's address. */
static __always_inline __u32 nexthop_id(const struct translation *to)
{
	if (to->direction == DIRECTION_REQUEST)
		return to->backend;
	return MAX_BACKENDS + spread(fold(&to->destination, to->family), CLIENT_NEXTHOPS);
}

#endif
