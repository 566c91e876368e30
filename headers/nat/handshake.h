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

/* The first packet of a connection to a backend: lends it a port of ours, sets *to, and notes the
 * handshake. Returns VERDICT_GO_ON or VERDICT_PORTS_EXHAUSTED. */
static __always_inline enum verdict
start_handshake(const struct nat_packet *np, const struct backend *backend, struct translation *to)
{
	const struct ipv4_key *key = np->key;
	__u64 wait = key->protocol == IPPROTO_UDP ? np->settings->udp : np->settings->handshake;
	__u64 expires = np->now + wait * SECOND;
	enum verdict verdict;

	*to = (struct translation){
		.source = ipv4_of(&np->lb->address),
		.destination = ipv4_of(&backend->address),
		.destination_port = backend->port ?: key->destination_port,
		.backend = np->packet->backend,
		.direction = DIRECTION_REQUEST,
		.protocol = key->protocol,
	};
	verdict = lend_port(np, to, expires);
	if (verdict != VERDICT_GO_ON)
		return verdict;
	expect_answers(to->source);
	note_handshake(np, key, to, expires, 0);
	count(&nat_events, NAT_STARTED, 0);
	return VERDICT_GO_ON;
}

/* Moves a handshake to conntrack; `to` is what requests become. Returns VERDICT_GO_ON, or
 * VERDICT_CONNECTIONS_FULL if there is no room. */
static __always_inline enum verdict establish(const struct nat_packet *np,
					      const struct translation *to)
{
	struct ipv4_key reply_key = answer_to(to);
	struct connection entry = {
		.translation = back_to(np->key, to->backend),
		.seen = np->now,
	};
	int seat = take_seat(np);

	if (seat < 0)
		return VERDICT_CONNECTIONS_FULL;
	entry.seat = seat;
	if (bpf_map_update_elem(&conntrack, &reply_key, &entry, BPF_NOEXIST)) {
		/* Another CPU has just done the same, with the client's packet before this one. */
		free_seat(seat);
		return bpf_map_lookup_elem(&conntrack, np->key) ? VERDICT_GO_ON
								: VERDICT_CONNECTIONS_FULL;
	}
	entry.translation = *to;
	if (bpf_map_update_elem(&conntrack, np->key, &entry, BPF_NOEXIST)) {
		bpf_map_delete_elem(&conntrack, &reply_key);
		free_seat(seat);
		return VERDICT_CONNECTIONS_FULL;
	}
	forget_handshake(np, to);
	count(&nat_events, NAT_ESTABLISHED, 0);
	return VERDICT_GO_ON;
}

/* The backend's packet: notes if it is the answer, and what the client must know to confirm it. */
static __always_inline void note_answer(const struct nat_packet *np)
{
	const struct packet *packet = np->packet;
	int is_tcp = packet->flow.protocol == IPPROTO_TCP;

	if (is_tcp && (packet->tcp_flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK))
		return;
	note_answered(np, is_tcp ? bpf_ntohl(packet->sequence) + 1 : 0);
}

/* Returns whether a client's packet proves that the client has seen the answer. */
static __always_inline int confirms(const struct packet *packet, __u32 confirm)
{
	if (packet->flow.protocol != IPPROTO_TCP)
		return 1;
	return (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_ACK &&
	       bpf_ntohl(packet->acknowledgement) - confirm < CONFIRM_WINDOW;
}

/* Returns whether a handshake, of which `to` is what the packet becomes, has to begin anew: a
 * client tries again, and the other direction was pushed out, so that no answer would reach it. */
static __always_inline int has_lost_its_answers(const struct nat_packet *np,
						const struct translation *to)
{
	struct ipv4_key reply_key = answer_to(to);
	__u32 unused;

	if (to->direction == DIRECTION_REPLY ||
	    (np->packet->flow.protocol == IPPROTO_TCP && !np->packet->opens))
		return 0;
	return recall_answer(np, &reply_key, &unused) < 0;
}

/* The next packet of a handshake, from either side; `to` is what it becomes. The backend's answer
 * is noted; the client's packet after that confirms the connection. Returns VERDICT_GO_ON, or why
 * the packet cannot go on. */
static __always_inline enum verdict continue_handshake(const struct nat_packet *np,
						       const struct translation *to)
{
	struct ipv4_key reply_key = answer_to(to);
	__u32 confirm = 0;

	if (np->packet->tcp_flags & TCP_RST) {
		forget_handshake(np, to);
		return VERDICT_GO_ON;
	}
	if (to->direction == DIRECTION_REPLY) {
		note_answer(np);
		return VERDICT_GO_ON;
	}
	if (recall_answer(np, &reply_key, &confirm) <= 0 || !confirms(np->packet, confirm))
		return VERDICT_GO_ON;
	return establish(np, to);
}

#endif
