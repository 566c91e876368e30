/* SPDX-License-Identifier: GPL-2.0-only */
/* The connections of xdp_nat: a first packet starts a handshake and is lent a port; what both sides
 * have confirmed moves to conntrack. What is closed or idle there makes room for others. */
#ifndef HEADERS_CONNECTIONS_H
#define HEADERS_CONNECTIONS_H

#include "../maps/backends.h"
#include "../maps/conntrack.h"
#include "../maps/handshakes.h"
#include "../maps/nat.h"
#include "../maps/nat_events.h"
#include "../maps/nexthops.h"
#include "../maps/seats.h"
#include "../maps/stats.h"
#include "fragments.h"
#include "packet.h"
#include "select.h"

#define SECOND 1000000000ULL /* ns */
#define PORT_TRIES 32
#define SEAT_TRIES 32
/* How far beyond the SYN ACK a client's first acknowledgement may be: data of TCP Fast Open. */
#define CONFIRM_WINDOW 65536

/* What the answer to a packet looks like. The answer to what a packet becomes is the key of the
 * connection's other entry. */
static __always_inline struct connection_key answer_to(const struct connection_key *key)
{
	return (struct connection_key){
		.source = key->destination,
		.destination = key->source,
		.source_port = key->destination_port,
		.destination_port = key->source_port,
		.protocol = key->protocol,
	};
}

static __always_inline struct nat *nat_settings(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&nat, &key);
}

static __always_inline void free_seat(__u32 index)
{
	struct seat *seat = bpf_map_lookup_elem(&seats, &index);

	if (seat)
		seat->taken = 0;
}

/* Deletes a connection, of which this is one entry: both of them, and its seat is free again. */
static __always_inline void free_connection(const struct connection_key *key,
					    const struct connection *connection)
{
	struct connection_key other_key = answer_to(&connection->translation.becomes);

	free_seat(connection->seat);
	bpf_map_delete_elem(&conntrack, &other_key);
	bpf_map_delete_elem(&conntrack, key);
	count(&nat_events, NAT_FREED, 0);
}

/* Whether a connection, of which these are the two entries, has been idle for too long. */
static __always_inline int is_over(const struct nat *nat, __u64 now, __u8 protocol,
				   const struct connection *one, const struct connection *other)
{
	__u64 seen = one->seen > other->seen ? one->seen : other->seen;
	__u64 idle = protocol == IPPROTO_UDP ? nat->udp
		     : one->closing	     ? nat->closing
					     : nat->established;

	return now > seen + idle * SECOND;
}

/* Returns the entry for `key`, if its connection lives; frees it if it is over. */
static __always_inline struct connection *find_live(const struct connection_key *key,
						    const struct nat *nat, __u64 now)
{
	struct connection *connection = bpf_map_lookup_elem(&conntrack, key);
	__u32 idle = key->protocol == IPPROTO_UDP ? nat->udp : nat->established;
	struct connection_key other_key;
	struct connection *other;

	if (!connection)
		return NULL;
	/* The common case: open, and this very direction was used not long ago. */
	if (!connection->closing && now < connection->seen + idle * SECOND)
		return connection;
	other_key = answer_to(&connection->translation.becomes);
	other = bpf_map_lookup_elem(&conntrack, &other_key);
	if (other && !is_over(nat, now, key->protocol, connection, other))
		return connection;
	free_connection(key, connection);
	return NULL;
}

/* Notes FIN and RST of a TCP packet. A side that goes on after its RST has not sent it: somebody
 * else has, in its name. */
static __always_inline void watch_closing(struct connection *connection, __u8 tcp_flags)
{
	struct connection_key other_key;
	struct connection *other;

	if (!(tcp_flags & (TCP_FIN | TCP_RST)) && !connection->rst)
		return;
	other_key = answer_to(&connection->translation.becomes);
	other = bpf_map_lookup_elem(&conntrack, &other_key);
	if (!other)
		return;
	if (tcp_flags & TCP_FIN)
		connection->fin = 1;
	connection->rst = !!(tcp_flags & TCP_RST);
	connection->closing = other->closing =
		connection->rst || other->rst || (connection->fin && other->fin);
}

/* A search for a seat: what it is for, and what it has found. */
struct seat_search {
	const struct connection_key *key;
	const struct nat *nat;
	__u64 now;
	__u32 start;
	int seat; /* -1: none yet */
};

/* One step of it (a callback of bpf_loop): returns 1 if this was the last. */
static long try_seat(__u32 i, struct seat_search *search)
{
	__u32 index = (search->start + i) % MAX_CONNECTIONS;
	struct seat *seat = bpf_map_lookup_elem(&seats, &index);
	struct connection_key owner;

	if (!seat)
		return 0;
	if (seat->taken) {
		owner = seat->request;
		if (find_live(&owner, search->nat, search->now))
			return 0;
		seat->taken = 0;
	}
	if (__sync_val_compare_and_swap(&seat->taken, 0, 1))
		return 0; /* another CPU was faster */
	seat->request = *search->key;
	search->seat = index;
	return 1;
}

/* Takes a seat for the connection of `key`. Returns its index, or -1 if none of those that were
 * tried is free: then hardly any is. */
static __always_inline int take_seat(const struct connection_key *key, const struct nat *nat,
				     __u64 now)
{
	struct seat_search search = {key, nat, now, bpf_get_prandom_u32(), -1};

	bpf_loop(SEAT_TRIES, try_seat, &search, 0);
	return search.seat;
}

static __always_inline void delete_handshake(const struct connection_key *key,
					     const struct handshake *handshake)
{
	struct connection_key other_key = answer_to(&handshake->translation.becomes);

	bpf_map_delete_elem(&handshakes, &other_key);
	bpf_map_delete_elem(&handshakes, key);
}

/* Moves a handshake to conntrack; `request` and `reply` are its entries. Returns VERDICT_FORWARDED,
 * or VERDICT_CONNECTIONS_FULL if there is no room. */
static __always_inline enum verdict establish(const struct connection_key *key,
					      const struct handshake *request,
					      const struct handshake *reply, const struct nat *nat,
					      __u64 now)
{
	struct connection_key reply_key = answer_to(&request->translation.becomes);
	struct connection there = {.translation = request->translation, .seen = now};
	struct connection back = {.translation = reply->translation, .seen = now};
	int seat = take_seat(key, nat, now);

	if (seat < 0)
		return VERDICT_CONNECTIONS_FULL;
	there.seat = back.seat = seat;
	if (bpf_map_update_elem(&conntrack, &reply_key, &back, BPF_NOEXIST)) {
		/* Another CPU has just done the same, with the client's packet before this one. */
		free_seat(seat);
		return bpf_map_lookup_elem(&conntrack, key) ? VERDICT_FORWARDED
							    : VERDICT_CONNECTIONS_FULL;
	}
	if (bpf_map_update_elem(&conntrack, key, &there, BPF_NOEXIST)) {
		bpf_map_delete_elem(&conntrack, &reply_key);
		free_seat(seat);
		return VERDICT_CONNECTIONS_FULL;
	}
	delete_handshake(key, request);
	count(&nat_events, NAT_ESTABLISHED, 0);
	return VERDICT_FORWARDED;
}

/* The next packet of a handshake, from either side. The backend's answer is noted. The client's
 * packet after that confirms the connection, if it proves that the client has seen the answer:
 * whoever sends with another's address has not. Returns VERDICT_FORWARDED, or why the packet cannot
 * go on. */
static __always_inline enum verdict continue_handshake(const struct connection_key *key,
						       struct handshake *handshake,
						       const struct packet *packet,
						       const struct nat *nat, __u64 now)
{
	int is_tcp = packet->flow.protocol == IPPROTO_TCP;
	__u8 flags = packet->tcp_flags;
	struct connection_key reply_key;
	struct handshake *reply;

	if (flags & TCP_RST) {
		delete_handshake(key, handshake);
		return VERDICT_FORWARDED;
	}
	if (handshake->translation.direction == DIRECTION_REPLY) {
		if (is_tcp && (flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK))
			return VERDICT_FORWARDED;
		handshake->confirm = is_tcp ? bpf_ntohl(packet->sequence) + 1 : 0;
		handshake->answered = 1;
		return VERDICT_FORWARDED;
	}
	reply_key = answer_to(&handshake->translation.becomes);
	reply = bpf_map_lookup_elem(&handshakes, &reply_key);
	if (!reply || !reply->answered)
		return VERDICT_FORWARDED;
	if (is_tcp && ((flags & (TCP_SYN | TCP_ACK)) != TCP_ACK ||
		       bpf_ntohl(packet->acknowledgement) - reply->confirm >= CONFIRM_WINDOW))
		return VERDICT_FORWARDED;
	return establish(key, handshake, reply, nat, now);
}

/* Returns whether a socket of this machine would take a packet like this. */
static __always_inline int has_socket(struct xdp_md *ctx, const struct connection_key *key)
{
	struct bpf_sock_tuple tuple = {
		.ipv4 = {key->source, key->destination, key->source_port, key->destination_port},
	};
	struct bpf_sock *socket;

	if (key->protocol == IPPROTO_TCP)
		socket = bpf_sk_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	else
		socket = bpf_sk_lookup_udp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return 0;
	bpf_sk_release(socket);
	return 1;
}

/* A search for a port: what it is for, and whether it has found one. */
struct port_search {
	struct xdp_md *ctx;
	const struct nat *nat;
	const struct handshake *reply; /* what the answers become */
	struct connection_key *becomes;
	__u64 now;
	__u32 start;
	__u32 tries;
	__be16 client_port;
	__u8 found;
};

/* One step of it (a callback of bpf_loop): returns 1 if this was the last. The first tries the
 * client's own port. */
static long try_port(__u32 i, struct port_search *search)
{
	const struct nat *nat = search->nat;
	__u32 pool = nat->last_port - nat->first_port + 1;
	__u32 port = bpf_ntohs(search->client_port);
	struct connection_key key;
	struct handshake *taken;

	search->tries = i;
	if (i > 0)
		port = nat->first_port + (search->start + i) % (pool ?: 1);
	if (port < nat->first_port || port > nat->last_port || !port)
		return 0;
	search->becomes->source_port = bpf_htons(port);
	key = answer_to(search->becomes);
	if (find_live(&key, nat, search->now) || has_socket(search->ctx, &key))
		return 0;
	taken = bpf_map_lookup_elem(&handshakes, &key);
	if (taken && search->now < taken->expires)
		return 0;
	/* Another CPU may be about to take the same port: only one of them finds no entry. */
	if (bpf_map_update_elem(&handshakes, &key, search->reply, taken ? BPF_ANY : BPF_NOEXIST))
		return 0;
	search->found = 1;
	return 1;
}

/* Lends a port of our own address to a connection: sets becomes->source_port so that its answers
 * belong to nobody else, and reserves it. The client's own port is taken if it can be. Returns
 * VERDICT_FORWARDED or VERDICT_PORTS_EXHAUSTED. */
static __always_inline enum verdict lend_port(struct xdp_md *ctx, const struct nat *nat,
					      struct connection_key *becomes, __be16 client_port,
					      const struct handshake *reply, __u64 now)
{
	struct port_search search = {
		.ctx = ctx,
		.nat = nat,
		.reply = reply,
		.becomes = becomes,
		.now = now,
		.start = bpf_get_prandom_u32(),
		.client_port = client_port,
	};

	bpf_loop(1 + PORT_TRIES, try_port, &search, 0);
	if (!search.found)
		return VERDICT_PORTS_EXHAUSTED;
	count(&nat_events, search.tries > 0 ? NAT_PORT_REPLACED : NAT_PORT_KEPT, 0);
	return VERDICT_FORWARDED;
}

/* Answers to this address of ours are looked at from now on, also when it is ours no more. */
static __always_inline void expect_answers(__be32 us)
{
	struct destination *destination = find_destination(us);

	if (destination && !destination->lent)
		destination->lent = 1;
}

/* The first packet of a connection, from `key` to a backend: lends it a port of `us`, sets *to, and
 * notes the handshake. Returns VERDICT_FORWARDED or VERDICT_PORTS_EXHAUSTED. */
static __always_inline enum verdict start_handshake(struct xdp_md *ctx, const struct nat *nat,
						    const struct connection_key *key, __u32 id,
						    __be32 us, __be32 backend, __be16 backend_port,
						    __u64 now, struct translation *to)
{
	__u64 wait = key->protocol == IPPROTO_UDP ? nat->udp : nat->handshake;
	struct handshake handshake = {
		.translation = {answer_to(key), id, DIRECTION_REPLY},
		.expires = now + wait * SECOND,
	};
	enum verdict verdict;

	*to = (struct translation){
		.becomes =
			{
				.source = us,
				.destination = backend,
				.destination_port = backend_port,
				.protocol = key->protocol,
			},
		.backend = id,
		.direction = DIRECTION_REQUEST,
	};
	verdict = lend_port(ctx, nat, &to->becomes, key->source_port, &handshake, now);
	if (verdict != VERDICT_FORWARDED)
		return verdict;
	expect_answers(us);
	handshake.translation = *to;
	bpf_map_update_elem(&handshakes, key, &handshake, BPF_ANY);
	count(&nat_events, NAT_STARTED, 0);
	return VERDICT_FORWARDED;
}

/* A packet of no connection and for no service: is it an answer that came too late? */
static __always_inline enum verdict stray(struct xdp_md *ctx, const struct connection_key *key,
					  const struct nat *nat, __be32 us)
{
	__u16 port = bpf_ntohs(key->destination_port);

	if (key->destination != us || port < nat->first_port || port > nat->last_port)
		return VERDICT_NOT_OURS;
	return has_socket(ctx, key) ? VERDICT_NOT_OURS : VERDICT_LATE_REPLY;
}

/* What happens to a packet with ports: finds the connection it belongs to, or starts one. Returns
 * VERDICT_FORWARDED and sets *to, or says what becomes of it instead. */
static __always_inline enum verdict find_connection(struct xdp_md *ctx, struct packet *packet,
						    enum parsed parsed,
						    const struct load_balancer *lb,
						    const struct nat *nat, struct translation *to)
{
	struct connection_key key = key_of(&packet->flow);
	int is_tcp = parsed == PARSED_FLOW && key.protocol == IPPROTO_TCP;
	__u64 now;
	__be32 us = ipv4_of(&lb->address);
	struct connection *connection;
	struct handshake *handshake;
	struct backend *backend;
	struct service *service;

	if (key.destination != us && !may_be_ours(key.destination)) {
		note_for_kernel(packet);
		return VERDICT_NOT_OURS;
	}
	now = bpf_ktime_get_coarse_ns();
	connection = find_live(&key, nat, now);
	if (connection && packet->opens && connection->closing &&
	    connection->translation.direction == DIRECTION_REQUEST) {
		free_connection(&key, connection); /* the client uses its port again */
		connection = NULL;
	}
	if (connection) {
		*to = connection->translation;
		if (parsed == PARSED_FLOW)
			connection->seen = now;
		if (is_tcp)
			watch_closing(connection, packet->tcp_flags);
		return VERDICT_FORWARDED;
	}

	handshake = bpf_map_lookup_elem(&handshakes, &key);
	if (handshake && now < handshake->expires) {
		*to = handshake->translation;
		if (parsed != PARSED_FLOW)
			return VERDICT_FORWARDED;
		return continue_handshake(&key, handshake, packet, nat, now);
	}

	if (parsed == PARSED_ICMP_ERROR) {
		note_for_kernel(packet);
		return VERDICT_NOT_OURS;
	}
	service = find_service(&packet->flow);
	if (!service) {
		note_for_kernel(packet);
		return stray(ctx, &key, nat, us);
	}
	if (is_tcp && !packet->opens)
		return VERDICT_NO_CONNECTION;
	packet->backend = find_slot(service, &packet->flow, lb).now;
	backend = usable_backend(packet->backend);
	if (!backend)
		return VERDICT_NO_BACKEND;
	if (!us)
		return VERDICT_NO_ADDRESS;
	packet->opens = 1;
	return start_handshake(ctx, nat, &key, packet->backend, us, ipv4_of(&backend->address),
			       backend->port ?: key.destination_port, now, to);
}

/* A later fragment has no ports: what it becomes was noted with the first one. */
static __always_inline void note_translation(const struct packet *packet,
					     const struct translation *to)
{
	note_fragment(packet, (struct fragment_note){
				      .backend = to->backend,
				      .direction = to->direction,
				      .source = to->becomes.source,
				      .destination = to->becomes.destination,
			      });
}

static __always_inline enum verdict recall_translation(const struct packet *packet,
						       struct translation *to)
{
	struct fragment_note *note = recall_fragment(packet);

	if (!note)
		return is_vip(packet->flow.vip) ? VERDICT_FRAGMENT_UNKNOWN : VERDICT_NOT_OURS;
	if (!note->backend)
		return VERDICT_NOT_OURS;
	to->becomes.source = note->source;
	to->becomes.destination = note->destination;
	to->backend = note->backend;
	to->direction = note->direction;
	return VERDICT_FORWARDED;
}

/* Under which id the next hop of a packet is kept: the backend's, or one for the client's address.
 * Two clients that share one take turns. */
static __always_inline __u32 nexthop_id(const struct translation *to)
{
	if (to->direction == DIRECTION_REQUEST)
		return to->backend;
	return MAX_BACKENDS + spread(to->becomes.destination, CLIENT_NEXTHOPS);
}

#endif
