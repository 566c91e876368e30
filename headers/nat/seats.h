/* SPDX-License-Identifier: GPL-2.0-only */
/* Taking a seat: the place of a connection in conntrack, which may have been another's. */
#ifndef HEADERS_NAT_SEATS_H
#define HEADERS_NAT_SEATS_H

#include "../../maps/seats.h"
#include "connection.h"

/* So many that one is found even if only one seat of a hundred is free. (By chance alone, 0.99^1024
 * is 1 in 30,000; but taken seats stand together.) */
#define SEAT_TRIES 2048
/* It looks at so many neighbours, which share cache lines, and then goes to another place. Each
 * place is a new random number: a search that only went on, or jumped by the same distance again
 * and again, would meet ever longer rows of taken seats, as linear probing does, or come back to
 * where it was. */
#define NEIGHBOURS 4

/* The last quarter of the seats is not for UDP. A connection of TCP has been confirmed by numbers
 * that only its two ends know, but whoever invents sources can invent flows of UDP, as many as
 * there are seats. */
#define UDP_SEATS (MAX_CONNECTIONS / 4 * 3)

/* A search for a seat: what it is for, and what it has found. */
struct seat_search {
	struct nat_packet *np;
	__u32 place;
	int seat; /* -1: none yet */
};

/* Returns whether the connection of a seat goes on; if not, it is freed. */
static __always_inline int is_in_use(struct seat *seat, struct nat_packet *np)
{
	const struct nat *settings = nat_settings();
	struct connection *connection;

	np->owner = seat->request;
	if (settings && seat->seen &&
	    np->now / SECOND < seat->seen + idle_limit(settings, np->owner.protocol))
		return 1;
	connection = find_live(np, &np->owner);
	if (!connection) {
		seat->taken = 0;
		return 0;
	}
	seat->seen = connection->closing ? 0 : connection->seen / SECOND;
	return 1;
}

/* One step of it (a callback of bpf_loop): returns 1 if this was the last. */
static long try_seat(__u32 i, struct seat_search *search)
{
	struct nat_packet *np = search->np;
	struct seat *seat;
	__u32 index;

	if (i % NEIGHBOURS == 0)
		search->place = bpf_get_prandom_u32();
	index = (search->place + i % NEIGHBOURS) %
		(np->key.protocol == IPPROTO_UDP ? UDP_SEATS : MAX_CONNECTIONS);
	seat = bpf_map_lookup_elem(&seats, &index);
	if (!seat || (seat->taken && is_in_use(seat, np)))
		return 0;
	if (__sync_val_compare_and_swap(&seat->taken, 0, 1))
		return 0; /* another CPU was faster */
	seat->request = np->key;
	seat->seen = np->now / SECOND;
	search->seat = index;
	return 1;
}

/* Takes a seat for the packet's connection. Returns its index, or -1 if none of those that were
 * tried is free: then hardly one of a hundred is. */
static __always_inline int take_seat(struct nat_packet *np)
{
	struct seat_search search = {.np = np, .seat = -1};

	bpf_loop(SEAT_TRIES, try_seat, &search, 0);
	return search.seat;
}

#endif
