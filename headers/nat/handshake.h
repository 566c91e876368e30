/* SPDX-License-Identifier: GPL-2.0-only */
/* From a connection's first packet until both sides have confirmed it (connection.h has the whole
 * life). A sender with a forged address never sees the answer, so its handshakes expire here. */
#ifndef HEADERS_NAT_HANDSHAKE_H
#define HEADERS_NAT_HANDSHAKE_H

#include "../../maps/backends.h"
#include "../lb/verdict.h"
#include "connection.h"
#include "ports.h"
#include "seats.h"
#include "waiting.h"

/* How far beyond the SYN ACK a client's first acknowledgement may be: data of TCP Fast Open. */
#define CONFIRM_WINDOW 65536

/* The first packet of a connection to a backend, which may be of the other family: lends it a port
 * of `own`, our address of the backend's family, sets np->becomes, and notes the handshake. Returns
 * VERDICT_GO_ON or VERDICT_PORTS_EXHAUSTED. */
static __always_inline enum verdict start_handshake(struct xdp_md *ctx, struct nat_packet *np,
						    const struct backend *backend,
						    const union address *own)
{
	const struct nat *settings = nat_settings();
	enum verdict verdict;
	__u64 expires;

	if (!settings)
		return VERDICT_BUG;
	expires = np->now +
		  (np->key.protocol == IPPROTO_UDP ? settings->udp : settings->handshake) * SECOND;
	np->becomes = (struct translation){
		.source = *own,
		.destination = backend->address,
		.destination_port = backend->port ?: np->key.destination_port,
		.backend = np->backend,
		.direction = DIRECTION_REQUEST,
		.protocol = np->key.protocol,
		.family = backend->family,
	};
	verdict = lend_port(ctx, np, expires);
	if (verdict != VERDICT_GO_ON)
		return verdict;
	expect_answers(&np->becomes.source, &np->key, np->becomes.family);
	note_handshake(&np->key, &np->becomes, expires, 0);
	count(&nat_events, NAT_STARTED, 0);
	return VERDICT_GO_ON;
}

/* Forgets the packet's handshake: both directions. */
static __always_inline void forget_handshake(struct nat_packet *np)
{
	np->answer = answer_to(&np->becomes);
	forget_one(&np->answer, is_short(&np->key, &np->becomes));
	forget_one(&np->key, is_short(&np->key, &np->becomes));
}

/* Moves a handshake to conntrack; np->becomes is what requests become, and np->answer the key of
 * answers. Returns VERDICT_GO_ON, or VERDICT_CONNECTIONS_FULL if there is no room. */
static __always_inline enum verdict establish(struct nat_packet *np)
{
	int seat = take_seat(np);

	if (seat < 0)
		return VERDICT_CONNECTIONS_FULL;
	np->entry = (struct connection){
		.translation = back_to(&np->key, np->becomes.backend),
		.seen = np->now,
		.seat = seat,
	};
	if (add_entry(&np->answer, &np->entry)) {
		/* Another CPU has just done the same, with the client's packet before this one. */
		free_seat(seat);
		return find_entry(&np->key) ? VERDICT_GO_ON : VERDICT_CONNECTIONS_FULL;
	}
	np->entry.translation = np->becomes;
	if (add_entry(&np->key, &np->entry)) {
		delete_entry(&np->answer);
		free_seat(seat);
		return VERDICT_CONNECTIONS_FULL;
	}
	forget_handshake(np);
	count(&nat_events, NAT_ESTABLISHED, 0);
	return VERDICT_GO_ON;
}

/* The backend's packet: notes if it is the answer, and what the client must know to confirm it. */
static __always_inline void note_answer(const struct nat_packet *np)
{
	int is_tcp = np->key.protocol == IPPROTO_TCP;

	if (is_tcp && (np->tcp_flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK))
		return;
	note_answered(&np->key, is_short(&np->key, &np->becomes),
		      is_tcp ? bpf_ntohl(np->sequence) + 1 : 0);
}

/* Returns whether a client's packet proves that the client has seen the answer. */
static __always_inline int confirms(const struct nat_packet *np, __u32 confirm)
{
	if (np->key.protocol != IPPROTO_TCP)
		return 1;
	return (np->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_ACK &&
	       bpf_ntohl(np->acknowledgement) - confirm < CONFIRM_WINDOW;
}

/* Asks for the answers to the packet's handshake, as recall_answer() does. */
static __always_inline int recall_own_answer(struct nat_packet *np, __u32 *confirm)
{
	np->answer = answer_to(&np->becomes);
	np->back = back_to(&np->key, np->becomes.backend);
	return recall_answer(&np->answer, is_short(&np->key, &np->becomes), &np->back, np->now,
			     confirm);
}

/* Returns whether a handshake is over, because its other direction was pushed out: no answer would
 * reach the client. And its port may be lent to another one by now, who would get them. */
static __always_inline int has_lost_its_answers(struct nat_packet *np)
{
	__u32 unused;

	return np->becomes.direction == DIRECTION_REQUEST && recall_own_answer(np, &unused) < 0;
}

/* The next packet of a handshake, from either side. The backend's answer is noted; the client's
 * packet after that confirms the connection. Returns VERDICT_GO_ON, or why the packet cannot go on.
 */
static __always_inline enum verdict continue_handshake(struct nat_packet *np)
{
	__u32 confirm = 0;

	if (np->tcp_flags & TCP_RST) {
		forget_handshake(np);
		return VERDICT_GO_ON;
	}
	if (np->becomes.direction == DIRECTION_REPLY) {
		note_answer(np);
		return VERDICT_GO_ON;
	}
	if (recall_own_answer(np, &confirm) <= 0 || !confirms(np, confirm))
		return VERDICT_GO_ON;
	return establish(np);
}

#endif
