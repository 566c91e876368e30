/* SPDX-License-Identifier: GPL-2.0-only */
/* The connections of xdp_nat: a first packet starts a handshake and is lent a port; what both sides
 * have confirmed moves to conntrack; there, a timer frees what is closed or idle. */
#ifndef HEADERS_CONNECTIONS_H
#define HEADERS_CONNECTIONS_H

#include "../maps/conntrack.h"
#include "../maps/handshakes.h"
#include "../maps/nat.h"
#include "../maps/nat_events.h"
#include "../maps/nexthops.h"
#include "../maps/stats.h"
#include "packet.h"
#include "select.h"

#define SECOND 1000000000ULL /* ns */
#define PORT_TRIES 32
#define CLOCK_MONOTONIC 1 /* of <time.h>, which is for user space */
/* How far beyond the SYN ACK a client's first acknowledgement may be: data of TCP Fast Open. */
#define CONFIRM_WINDOW 65536

static __always_inline struct connection_key key_of(const struct flow *flow)
{
	return (struct connection_key){
		.source = flow->client,
		.destination = flow->vip,
		.source_port = flow->client_port,
		.destination_port = flow->vip_port,
		.protocol = flow->protocol,
	};
}

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

/* Deletes both entries of a connection, of which this is the request's. */
static __always_inline void free_connection(const struct connection_key *key,
					    const struct connection *request)
{
	struct connection_key reply_key = answer_to(&request->translation.becomes);

	bpf_map_delete_elem(&conntrack, &reply_key);
	bpf_map_delete_elem(&conntrack, key);
	count(&nat_events, NAT_FREED, 0);
}

/* When a connection has been idle for too long, in ns since boot. */
static __always_inline __u64 idle_until(const struct nat *nat, __u8 protocol,
					const struct connection *request,
					const struct connection *reply)
{
	__u64 seen = request->seen > reply->seen ? request->seen : reply->seen;

	if (protocol == IPPROTO_UDP)
		return seen + nat->udp * SECOND;
	if (request->rst || reply->rst || (request->fin && reply->fin))
		return seen + nat->closing * SECOND;
	return seen + nat->established * SECOND;
}

/* A request's timer runs out: frees the connection if it is idle, or sets the timer anew. */
static int idle_check(void *map, struct connection_key *key, struct connection *request)
{
	struct connection_key reply_key = answer_to(&request->translation.becomes);
	struct connection *reply = bpf_map_lookup_elem(&conntrack, &reply_key);
	struct nat *nat = nat_settings();
	__u64 now = bpf_ktime_get_ns(), until;

	if (reply && nat) {
		until = idle_until(nat, key->protocol, request, reply);
		if (now < until) {
			bpf_timer_start(&request->timer, until - now, 0);
			return 0;
		}
	}
	free_connection(key, request);
	return 0;
}

/* Notes FIN and RST of a TCP packet of this entry's direction. The last of them shortens the idle
 * time, so the timer is asked to look again. */
static __always_inline void watch_closing(const struct connection_key *key,
					  struct connection *connection, __u8 tcp_flags,
					  const struct nat *nat)
{
	__u32 fin = !!(tcp_flags & TCP_FIN), rst = !!(tcp_flags & TCP_RST);
	struct connection_key request_key = *key;
	struct connection *request = connection;

	/* A side that goes on has not reset anything: somebody else sent that packet. */
	if (!rst)
		connection->rst = 0;
	if (fin <= connection->fin && rst <= connection->rst)
		return;
	connection->fin |= fin;
	connection->rst |= rst;
	if (connection->translation.direction == DIRECTION_REPLY) {
		request_key = answer_to(&connection->translation.becomes);
		request = bpf_map_lookup_elem(&conntrack, &request_key);
	}
	if (request)
		bpf_timer_start(&request->timer, nat->closing * SECOND, 0);
}

/* Returns whether this entry belongs to a connection that is over. */
static __always_inline int is_closing(const struct connection *connection)
{
	struct connection_key other_key = answer_to(&connection->translation.becomes);
	struct connection *other = bpf_map_lookup_elem(&conntrack, &other_key);

	return !other || connection->rst || other->rst || (connection->fin && other->fin);
}

static __always_inline void delete_handshake(const struct connection_key *key,
					     const struct handshake *handshake)
{
	struct connection_key other_key = answer_to(&handshake->translation.becomes);

	bpf_map_delete_elem(&handshakes, &other_key);
	bpf_map_delete_elem(&handshakes, key);
}

/* Moves a handshake, of which this is the request's entry, to conntrack. Returns VERDICT_FORWARDED,
 * or the reason why it cannot go there. */
static __always_inline enum verdict establish(const struct connection_key *key,
					      const struct handshake *handshake,
					      const struct nat *nat, __u64 now)
{
	struct connection_key reply_key = answer_to(&handshake->translation.becomes);
	struct connection request = {.translation = handshake->translation, .seen = now};
	struct connection reply = {
		.translation = {answer_to(key), handshake->translation.backend, DIRECTION_REPLY},
		.seen = now,
	};
	struct connection *stored;
	__u64 idle = (key->protocol == IPPROTO_UDP ? nat->udp : nat->established) * SECOND;

	if (bpf_map_update_elem(&conntrack, &reply_key, &reply, BPF_NOEXIST))
		return VERDICT_CONNECTIONS_FULL;
	if (bpf_map_update_elem(&conntrack, key, &request, BPF_NOEXIST)) {
		bpf_map_delete_elem(&conntrack, &reply_key);
		return VERDICT_CONNECTIONS_FULL;
	}
	stored = bpf_map_lookup_elem(&conntrack, key);
	if (!stored || bpf_timer_init(&stored->timer, &conntrack, CLOCK_MONOTONIC) ||
	    bpf_timer_set_callback(&stored->timer, idle_check) ||
	    bpf_timer_start(&stored->timer, idle, 0)) {
		bpf_map_delete_elem(&conntrack, &reply_key);
		bpf_map_delete_elem(&conntrack, key);
		return VERDICT_CONNECTIONS_FULL;
	}
	delete_handshake(key, handshake);
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
	return establish(key, handshake, nat, now);
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

/* Lends a port of our own address to a connection: sets becomes->source_port so that its answers
 * belong to nobody else, and reserves it. The client's own port is taken if it can be. `reply` is
 * what the answers become. Returns VERDICT_FORWARDED or VERDICT_PORTS_EXHAUSTED. */
static __always_inline enum verdict lend_port(struct xdp_md *ctx, const struct nat *nat,
					      struct connection_key *becomes, __be16 client_port,
					      const struct handshake *reply, __u64 now)
{
	__u32 pool = nat->last_port - nat->first_port + 1;
	__u32 start = bpf_get_prandom_u32();

	for (__u32 i = 0; i <= PORT_TRIES; i++) {
		__u32 port = bpf_ntohs(client_port);
		struct connection_key key;
		struct handshake *taken;

		if (i > 0)
			port = nat->first_port + (start + i) % (pool ?: 1);
		if (port < nat->first_port || port > nat->last_port || !port)
			continue;
		becomes->source_port = bpf_htons(port);
		key = answer_to(becomes);
		if (bpf_map_lookup_elem(&conntrack, &key) || has_socket(ctx, &key))
			continue;
		taken = bpf_map_lookup_elem(&handshakes, &key);
		if (taken && now < taken->expires)
			continue;
		/* Another CPU may be about to take the same port: only one of them finds no entry.
		 */
		if (bpf_map_update_elem(&handshakes, &key, reply, taken ? BPF_ANY : BPF_NOEXIST))
			continue;
		count(&nat_events, i > 0 ? NAT_PORT_REPLACED : NAT_PORT_KEPT, 0);
		return VERDICT_FORWARDED;
	}
	return VERDICT_PORTS_EXHAUSTED;
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
	int is_syn = (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	__u64 now = bpf_ktime_get_coarse_ns();
	__be32 us = ipv4_of(&lb->address);
	struct connection *connection;
	struct handshake *handshake;
	struct backend *backend;
	enum verdict verdict;

	connection = bpf_map_lookup_elem(&conntrack, &key);
	if (connection && is_syn && connection->translation.direction == DIRECTION_REQUEST &&
	    is_closing(connection)) {
		free_connection(&key, connection); /* the client uses its port again */
	} else if (connection) {
		*to = connection->translation;
		if (parsed == PARSED_FLOW)
			connection->seen = now;
		if (is_tcp)
			watch_closing(&key, connection, packet->tcp_flags, nat);
		return VERDICT_FORWARDED;
	}

	handshake = bpf_map_lookup_elem(&handshakes, &key);
	if (handshake && now < handshake->expires) {
		*to = handshake->translation;
		if (parsed != PARSED_FLOW)
			return VERDICT_FORWARDED;
		return continue_handshake(&key, handshake, packet, nat, now);
	}

	if (parsed == PARSED_ICMP_ERROR)
		return VERDICT_NOT_OURS;
	verdict = find_backend(packet, parsed, lb, &backend);
	if (verdict == VERDICT_NOT_OURS)
		return stray(ctx, &key, nat, us);
	if (is_tcp && !is_syn)
		return VERDICT_NO_CONNECTION;
	if (verdict != VERDICT_FORWARDED)
		return verdict;
	if (!us)
		return VERDICT_NO_ADDRESS;
	return start_handshake(ctx, nat, &key, packet->backend, us, ipv4_of(&backend->address),
			       backend->port, now, to);
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
	__u32 client = to->becomes.destination;

	if (to->direction == DIRECTION_REQUEST)
		return to->backend;
	return MAX_BACKENDS + ((client * 0x9e3779b1U) >> 20) % CLIENT_NEXTHOPS; /* Knuth's */
}

#endif
