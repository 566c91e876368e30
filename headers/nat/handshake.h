/* SPDX-License-Identifier: GPL-2.0-only */
/* From a connection's first packet until both sides have confirmed it (connection.h has the whole
 * life). A sender with a forged address never sees the answer, so its handshakes expire here. */
#ifndef HEADERS_NAT_HANDSHAKE_H
#define HEADERS_NAT_HANDSHAKE_H

#include "../../maps/backends.h"
#include "../../maps/handshakes.h"
#include "../lb/verdict.h"
#include "connection.h"
#include "ports.h"
#include "seats.h"

/* How far beyond the SYN ACK a client's first acknowledgement may be: data of TCP Fast Open. */
#define CONFIRM_WINDOW 65536

/* The first packet of a connection to a backend: lends it a port of ours, sets *to, and notes the
 * handshake. Returns VERDICT_GO_ON or VERDICT_PORTS_EXHAUSTED. */
static __always_inline enum verdict
start_handshake(const struct nat_packet *np, const struct backend *backend, struct translation *to)
{
	const struct connection_key *key = np->key;
	__u64 wait = key->protocol == IPPROTO_UDP ? np->settings->udp : np->settings->handshake;
	__u32 id = np->packet->backend;
	struct handshake handshake = {
		.translation = {answer_to(key), id, DIRECTION_REPLY},
		.expires = np->now + wait * SECOND,
	};
	enum verdict verdict;

	*to = (struct translation){
		.becomes =
			{
				.source = np->own_address,
				.destination = ipv4_of(&backend->address),
				.destination_port = backend->port ?: key->destination_port,
				.protocol = key->protocol,
			},
		.backend = id,
		.direction = DIRECTION_REQUEST,
	};
	verdict = lend_port(np, &to->becomes, &handshake);
	if (verdict != VERDICT_GO_ON)
		return verdict;
	expect_answers(np->own_address);
	handshake.translation = *to;
	bpf_map_update_elem(&handshakes, key, &handshake, BPF_ANY);
	count(&nat_events, NAT_STARTED, 0);
	return VERDICT_GO_ON;
}

static __always_inline void delete_handshake(const struct connection_key *key,
					     const struct handshake *handshake)
{
	struct connection_key other_key = answer_to(&handshake->translation.becomes);

	bpf_map_delete_elem(&handshakes, &other_key);
	bpf_map_delete_elem(&handshakes, key);
}

/* Moves a handshake to conntrack; `request` and `reply` are its entries. Returns VERDICT_GO_ON, or
 * VERDICT_CONNECTIONS_FULL if there is no room. */
static __always_inline enum verdict establish(const struct nat_packet *np,
					      const struct handshake *request,
					      const struct handshake *reply)
{
	struct connection_key reply_key = answer_to(&request->translation.becomes);
	struct connection there = {.translation = request->translation, .seen = np->now};
	struct connection back = {.translation = reply->translation, .seen = np->now};
	int seat = take_seat(np);

	if (seat < 0)
		return VERDICT_CONNECTIONS_FULL;
	there.seat = back.seat = seat;
	if (bpf_map_update_elem(&conntrack, &reply_key, &back, BPF_NOEXIST)) {
		/* Another CPU has just done the same, with the client's packet before this one. */
		free_seat(seat);
		return bpf_map_lookup_elem(&conntrack, np->key) ? VERDICT_GO_ON
								: VERDICT_CONNECTIONS_FULL;
	}
	if (bpf_map_update_elem(&conntrack, np->key, &there, BPF_NOEXIST)) {
		bpf_map_delete_elem(&conntrack, &reply_key);
		free_seat(seat);
		return VERDICT_CONNECTIONS_FULL;
	}
	delete_handshake(np->key, request);
	count(&nat_events, NAT_ESTABLISHED, 0);
	return VERDICT_GO_ON;
}

/* The backend's packet: notes if it is the answer, and what the client must know to confirm it. */
static __always_inline void note_answer(const struct packet *packet, struct handshake *handshake)
{
	int is_tcp = packet->flow.protocol == IPPROTO_TCP;

	if (is_tcp && (packet->tcp_flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK))
		return;
	handshake->confirm = is_tcp ? bpf_ntohl(packet->sequence) + 1 : 0;
	handshake->answered = 1;
}

/* Returns whether a client's packet proves that the client has seen the answer. */
static __always_inline int confirms(const struct packet *packet, const struct handshake *reply)
{
	if (packet->flow.protocol != IPPROTO_TCP)
		return 1;
	return (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_ACK &&
	       bpf_ntohl(packet->acknowledgement) - reply->confirm < CONFIRM_WINDOW;
}

/* The next packet of a handshake, from either side. The backend's answer is noted; the client's
 * packet after that confirms the connection. Returns VERDICT_GO_ON, or why the packet cannot go on.
 */
static __always_inline enum verdict continue_handshake(const struct nat_packet *np,
						       struct handshake *handshake)
{
	struct connection_key reply_key;
	struct handshake *reply;

	if (np->packet->tcp_flags & TCP_RST) {
		delete_handshake(np->key, handshake);
		return VERDICT_GO_ON;
	}
	if (handshake->translation.direction == DIRECTION_REPLY) {
		note_answer(np->packet, handshake);
		return VERDICT_GO_ON;
	}
	reply_key = answer_to(&handshake->translation.becomes);
	reply = bpf_map_lookup_elem(&handshakes, &reply_key);
	if (!reply || !reply->answered || !confirms(np->packet, reply))
		return VERDICT_GO_ON;
	return establish(np, handshake, reply);
}

#endif
