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

#include "../../maps/nat_events.h"
#include "../../maps/seats.h"
#include "../packet/packet.h"
#include "../packet/tcp_udp.h"
#include "idle.h"

/* A packet of no open connection, on its way through the steps that look for one, or begin one:
 * what they need to know of it, what they find, and room for their work. It has a place of its own,
 * because all that is too much for a BPF program's stack of 512 bytes. */
struct nat_packet {
	struct connection_key key; /* the packet's own */
	__u64 now;		   /* ns since boot */
	__be32 sequence;	   /* TCP */
	__be32 acknowledgement;
	__u8 tcp_flags;
	__u8 is_error; /* 1: it is an ICMP error about a packet with this key */
	__u8 is_known; /* 1: its connection is in conntrack, but may be over */
	__u8 opens;    /* 1: it begins a connection: a TCP SYN, or found out: a UDP packet */
	__u32 payload; /* where that of UDP begins in the frame */
	/* Found: */
	__u32 backend;		    /* id; 0: not known (yet) */
	struct translation becomes; /* what the packet becomes */
	/* For the steps: */
	struct connection_key answer; /* what an answer to that looks like, */
	struct translation back;      /* and what it becomes */
	struct connection_key other;  /* of the other entry of a connection */
	struct connection_key owner;  /* of a seat */
	struct connection entry;
};

/* The programs' own: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nat_packet);
} nat_packets SEC(".maps");

/* Returns this CPU's place for a packet; NULL only if the kernel had no such map. */
static __always_inline struct nat_packet *this_nat_packet(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&nat_packets, &key);
}

/* Returns what a backend's answers to a request become: answers to the request as it came. */
static __always_inline struct translation back_to(const struct connection_key *request,
						  __u16 backend)
{
	return (struct translation){
		.source = request->destination,
		.destination = request->source,
		.source_port = request->destination_port,
		.destination_port = request->source_port,
		.backend = backend,
		.direction = DIRECTION_REPLY,
		.protocol = request->protocol,
		.family = request->family,
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
static __always_inline void free_connection(struct nat_packet *np, const struct connection_key *key,
					    const struct connection *connection)
{
	np->other = answer_to(&connection->translation);
	free_seat(connection->seat);
	delete_entry(&np->other);
	delete_entry(key);
	count(&nat_events, NAT_FREED, 0);
}

/* Returns whether a connection is open for sure: it does not close, and this very direction was
 * used not long ago. */
static __always_inline int is_fresh(const struct connection *connection, const struct nat *settings,
				    __u8 protocol, __u64 now)
{
	return !connection->closing &&
	       now < connection->seen + idle_limit(settings, protocol) * SECOND;
}

/* Returns whether a packet of a connection has to do with its end. */
static __always_inline int is_closing(const struct connection *connection, __u8 tcp_flags)
{
	return tcp_flags & (TCP_FIN | TCP_RST) || connection->rst;
}

/* Returns the entry for `key`, if its connection lives; frees it if it is over. */
static __always_inline struct connection *find_live(struct nat_packet *np,
						    const struct connection_key *key)
{
	struct connection *connection = find_entry(key), *other;
	const struct nat *settings = nat_settings();

	if (!connection || !settings || is_fresh(connection, settings, key->protocol, np->now))
		return connection;
	np->other = answer_to(&connection->translation);
	other = find_entry(&np->other);
	if (other && !is_over(settings, np->now, key->protocol, connection, other))
		return connection;
	free_connection(np, key, connection);
	return NULL;
}

/* Notes a packet of a connection: when it came, and whether it closes the connection. A side that
 * goes on after its RST has not sent that RST: somebody else has forged it. */
static __always_inline void note_packet(struct nat_packet *np, struct connection *connection)
{
	struct connection *other;

	connection->seen = np->now;
	if (!is_closing(connection, np->tcp_flags))
		return;
	np->other = answer_to(&connection->translation);
	other = find_entry(&np->other);
	if (!other)
		return;
	if (np->tcp_flags & TCP_FIN)
		connection->fin = 1;
	connection->rst = !!(np->tcp_flags & TCP_RST);
	connection->closing = other->closing =
		connection->rst || other->rst || (connection->fin && other->fin);
	if (connection->closing)
		offer_seat(connection->seat);
}

#endif
