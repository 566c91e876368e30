/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of a connection of xdp_nat, and its entries in conntrack.
 *
 *                       |  the client's first packet (SYN, UDP): a port is lent
 *                       v
 *   handshakes    +-----------+   RST; or nat.handshake seconds (UDP: nat.udp)
 *                 |  started  |--------------------------------------------------> gone
 *                 +-----------+
 *                       |  the backend answers (SYN ACK, UDP)
 *                       v
 *                 +-----------+   the same
 *                 | answered  |--------------------------------------------------> gone
 *                 +-----------+
 *                       |  the client has seen the answer (ACK, UDP): a seat is taken
 *                       v
 *   conntrack     +-----------+   idle for nat.established seconds (UDP: nat.udp)
 *                 |   open    |--------------------------------------------------> gone, and the
 *                 +-----------+                                                    seat is free
 *   FIN from both  |         ^   the side that sent the RST goes on: the
 *   sides, or RST  v         |   RST was forged
 *                 +-----------+   idle for nat.closing seconds; or a new SYN
 *                 |  closing  |--------------------------------------------------> gone, and the
 *                 +-----------+                                                    seat is free
 *
 * A connection has two entries: one for the client's packets, one for the backend's. No timer runs:
 * a connection that has been idle for too long is freed by the next packet that needs its entry,
 * its port or its seat. */
#ifndef HEADERS_NAT_CONNECTION_H
#define HEADERS_NAT_CONNECTION_H

#include "../../maps/load_balancer.h"
#include "../../maps/nat_events.h"
#include "../../maps/seats.h"
#include "../packet/packet.h"
#include "../packet/tcp_udp.h"
#include "idle.h"

/* A packet, and what every step needs that looks for its connection. */
struct nat_packet {
	struct packet *packet;
	const struct ipv4_key *key; /* the packet's own */
	const struct nat *settings;
	const struct load_balancer *lb;
	__u64 now; /* ns since boot */
};

/* Returns the key of a flow in the maps of NAT. */
static __always_inline struct ipv4_key ipv4_key_of(const struct flow *flow)
{
	return (struct ipv4_key){
		.source = ipv4_of(&flow->client),
		.destination = ipv4_of(&flow->vip),
		.source_port = flow->client_port,
		.destination_port = flow->vip_port,
		.protocol = flow->protocol,
	};
}

/* Returns what a backend's answers to a request become: answers to the request as it came. */
static __always_inline struct translation back_to(const struct ipv4_key *request, __u16 backend)
{
	return (struct translation){
		.source = request->destination,
		.destination = request->source,
		.source_port = request->destination_port,
		.destination_port = request->source_port,
		.backend = backend,
		.direction = DIRECTION_REPLY,
		.protocol = request->protocol,
	};
}

static __always_inline void free_seat(__u32 index)
{
	struct seat *seat = bpf_map_lookup_elem(&seats, &index);

	if (seat)
		seat->taken = 0;
}

/* The connection closes: whoever looks for a seat shall look at it. */
static __always_inline void offer_seat(__u32 index)
{
	struct seat *seat = bpf_map_lookup_elem(&seats, &index);

	if (seat)
		seat->seen = 0;
}

/* Deletes a connection, of which this is one entry: both of them, and its seat is free again. */
static __always_inline void free_connection(const struct ipv4_key *key,
					    const struct connection *connection)
{
	struct ipv4_key other_key = answer_to(&connection->translation);

	free_seat(connection->seat);
	bpf_map_delete_elem(&conntrack, &other_key);
	bpf_map_delete_elem(&conntrack, key);
	count(&nat_events, NAT_FREED, 0);
}

/* Returns the entry for `key`, if its connection lives; frees it if it is over. */
static __always_inline struct connection *find_live(const struct ipv4_key *key,
						    const struct nat *settings, __u64 now)
{
	struct connection *connection = bpf_map_lookup_elem(&conntrack, key);
	__u32 idle = idle_limit(settings, key->protocol);
	struct ipv4_key other_key;
	struct connection *other;

	if (!connection)
		return NULL;
	/* The common case: open, and this very direction was used not long ago. */
	if (!connection->closing && now < connection->seen + idle * SECOND)
		return connection;
	other_key = answer_to(&connection->translation);
	other = bpf_map_lookup_elem(&conntrack, &other_key);
	if (other && !is_over(settings, now, key->protocol, connection, other))
		return connection;
	free_connection(key, connection);
	return NULL;
}

/* Notes FIN and RST of a TCP packet. A side that goes on after its RST has not sent that RST:
 * somebody else has forged it. */
static __always_inline void watch_closing(struct connection *connection, __u8 tcp_flags)
{
	struct ipv4_key other_key;
	struct connection *other;

	if (!(tcp_flags & (TCP_FIN | TCP_RST)) && !connection->rst)
		return;
	other_key = answer_to(&connection->translation);
	other = bpf_map_lookup_elem(&conntrack, &other_key);
	if (!other)
		return;
	if (tcp_flags & TCP_FIN)
		connection->fin = 1;
	connection->rst = !!(tcp_flags & TCP_RST);
	connection->closing = other->closing =
		connection->rst || other->rst || (connection->fin && other->fin);
	if (connection->closing)
		offer_seat(connection->seat);
}

/* Returns the connection that the packet belongs to, or NULL. A SYN after the end of one frees it:
 * the client uses its port again. */
static __always_inline struct connection *connection_of(const struct nat_packet *np)
{
	struct connection *connection = find_live(np->key, np->settings, np->now);

	if (connection && np->packet->opens && connection->closing &&
	    connection->translation.direction == DIRECTION_REQUEST) {
		free_connection(np->key, connection);
		return NULL;
	}
	return connection;
}

#endif
