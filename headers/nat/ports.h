/* SPDX-License-Identifier: GPL-2.0-only */
/* Lending the load balancer's ports to connections, so that answers belong to one of them only. */
#ifndef HEADERS_NAT_PORTS_H
#define HEADERS_NAT_PORTS_H

#include "../../maps/destinations.h"
#include "../lb/verdict.h"
#include "connection.h"
#include "waiting.h"

#define PORT_TRIES 32

/* Returns whether a socket of this machine would take a packet like this. (A ipv4_key begins
 * as the kernel's bpf_sock_tuple does.) */
static __always_inline int has_socket(struct xdp_md *ctx, const struct ipv4_key *key)
{
	struct bpf_sock_tuple *tuple = (void *)key;
	struct bpf_sock *socket;

	if (key->protocol == IPPROTO_TCP)
		socket = bpf_sk_lookup_tcp(ctx, tuple, sizeof(tuple->ipv4), BPF_F_CURRENT_NETNS, 0);
	else
		socket = bpf_sk_lookup_udp(ctx, tuple, sizeof(tuple->ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return 0;
	bpf_sk_release(socket);
	return 1;
}

/* A search for a port: what it is for, and whether it has found one. */
struct port_search {
	struct nat_packet np; /* without its packet (see packet.h) */
	struct xdp_md *ctx;
	struct translation *becomes;
	__u64 expires;
	__u32 start;
	__u32 tries;
	__u32 found;
};

/* One step of it (a callback of bpf_loop): returns 1 if this was the last. The first tries the
 * client's own port. */
static long try_port(__u32 i, struct port_search *search)
{
	const struct nat_packet *np = &search->np;
	const struct nat *settings = np->settings;
	__u32 pool = settings->last_port - settings->first_port + 1;
	__u32 port = bpf_ntohs(np->key->source_port);
	struct ipv4_key key;
	struct translation back;

	search->tries = i;
	if (i > 0)
		port = settings->first_port + (search->start + i) % (pool ?: 1);
	if (port < settings->first_port || port > settings->last_port || !port)
		return 0;
	search->becomes->source_port = bpf_htons(port);
	key = answer_to(search->becomes);
	if (find_live(&key, settings, np->now) || has_socket(search->ctx, &key))
		return 0;
	/* Another CPU may be about to take the same port: only one of them finds no handshake. */
	back = back_to(np->key, search->becomes->backend);
	if (note_handshake(np, &key, &back, search->expires, 1))
		return 0;
	search->found = 1;
	return 1;
}

/* Lends a port of our own address to a connection: sets becomes->source_port so that its answers
 * belong to nobody else, and reserves it with the handshake of the replies. It is the client's own
 * port, if that is free. Returns VERDICT_GO_ON or VERDICT_PORTS_EXHAUSTED. */
static __always_inline enum verdict lend_port(const struct nat_packet *np,
					      struct translation *becomes, __u64 expires)
{
	struct port_search search = {
		.np = {NULL, np->key, np->settings, np->lb, np->now},
		.ctx = np->packet->ctx,
		.becomes = becomes,
		.expires = expires,
		.start = bpf_get_prandom_u32(),
	};

	bpf_loop(1 + PORT_TRIES, try_port, &search, 0);
	if (!search.found)
		return VERDICT_PORTS_EXHAUSTED;
	count(&nat_events, search.tries > 0 ? NAT_PORT_REPLACED : NAT_PORT_KEPT, 0);
	return VERDICT_GO_ON;
}

/* Makes sure that packets to our own address are looked at from now on: they may be answers. This
 * holds even after the address was given up. */
static __always_inline void expect_answers(__be32 own_address)
{
	union address address = ipv4_address(own_address);
	struct destination *destination = find_destination(&address, 4);

	if (destination && !destination->lent)
		destination->lent = 1;
}

/* A packet of no connection and for no service: is it an answer that came too late? */
static __always_inline enum verdict stray(const struct nat_packet *np)
{
	__u16 port = bpf_ntohs(np->key->destination_port);

	if (np->key->destination != ipv4_of(&np->lb->address) || port < np->settings->first_port ||
	    port > np->settings->last_port)
		return VERDICT_NOT_OURS;
	return has_socket(np->packet->ctx, np->key) ? VERDICT_NOT_OURS : VERDICT_LATE_REPLY;
}

#endif
