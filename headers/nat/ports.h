/* SPDX-License-Identifier: GPL-2.0-only */
/* Lending the load balancer's ports to connections, so that answers belong to one of them only. */
#ifndef HEADERS_NAT_PORTS_H
#define HEADERS_NAT_PORTS_H

#include "../../maps/destinations.h"
#include "../../maps/load_balancer.h"
#include "../lb/verdict.h"
#include "connection.h"
#include "waiting.h"

#define PORT_TRIES 32

/* Asks the kernel for a socket that would take a packet like this. */
static __always_inline struct bpf_sock *look_up_socket(struct xdp_md *ctx, __u8 protocol,
						       void *tuple, __u32 size)
{
	if (protocol == IPPROTO_TCP)
		return bpf_sk_lookup_tcp(ctx, tuple, size, BPF_F_CURRENT_NETNS, 0);
	return bpf_sk_lookup_udp(ctx, tuple, size, BPF_F_CURRENT_NETNS, 0);
}

/* Returns whether this machine has one. (Both keys begin as the kernel's bpf_sock_tuple does for
 * their family.) */
static __always_inline int has_socket(struct xdp_md *ctx, struct connection_key *key)
{
	struct ipv4_key ipv4;
	struct bpf_sock *socket;

	if (key->family == 6) {
		socket = look_up_socket(ctx, key->protocol, key,
					sizeof(((struct bpf_sock_tuple *)0)->ipv6));
	} else {
		ipv4 = short_key(key);
		socket = look_up_socket(ctx, key->protocol, &ipv4,
					sizeof(((struct bpf_sock_tuple *)0)->ipv4));
	}
	if (!socket)
		return 0;
	bpf_sk_release(socket);
	return 1;
}

/* Returns whether answers like np->answer are expected by a handshake with a client of the other
 * family: it is noted in the other map. */
static __always_inline int is_promised(const struct nat_packet *np)
{
	struct destination *destination = find_destination(&np->answer.destination, 4);
	__u32 unused;

	if (np->answer.family == 6 || !destination || !destination->crosses)
		return 0;
	return recall_answer(&np->answer, np->key.family == 6, NULL, np->now, &unused) >= 0;
}

/* A search for a port: what it is for, and whether it has found one. */
struct port_search {
	struct xdp_md *ctx;
	struct nat_packet *np;
	__u64 expires;
	__u32 start;
	__u32 tries;
	__u32 found;
};

/* One step of it (a callback of bpf_loop): returns 1 if this was the last. The first tries the
 * client's own port. */
static long try_port(__u32 i, struct port_search *search)
{
	const struct nat *settings = nat_settings();
	struct nat_packet *np = search->np;
	__u32 pool, port = bpf_ntohs(np->key.source_port);

	if (!settings)
		return 1;
	pool = settings->last_port - settings->first_port + 1;
	search->tries = i;
	if (i == 1)
		search->start = bpf_get_prandom_u32();
	if (i > 0)
		port = settings->first_port + (search->start + i) % (pool ?: 1);
	if (port < settings->first_port || port > settings->last_port || !port)
		return 0;
	np->becomes.source_port = bpf_htons(port);
	np->answer = answer_to(&np->becomes);
	if (find_live(np, &np->answer) || is_promised(np) || has_socket(search->ctx, &np->answer))
		return 0;
	/* Another CPU may be about to take the same port: only one of them finds no handshake. */
	if (note_handshake(&np->answer, &np->back, search->expires, np->now))
		return 0;
	search->found = 1;
	return 1;
}

/* Lends a port of our own address to a connection: sets np->becomes.source_port so that its answers
 * belong to nobody else, and reserves it with the handshake of the replies. It is the client's own
 * port, if that is free. Returns VERDICT_GO_ON or VERDICT_PORTS_EXHAUSTED. */
static __always_inline enum verdict lend_port(struct xdp_md *ctx, struct nat_packet *np,
					      __u64 expires)
{
	struct port_search search = {
		.ctx = ctx,
		.np = np,
		.expires = expires,
	};

	np->back = back_to(&np->key, np->becomes.backend);
	bpf_loop(1 + PORT_TRIES, try_port, &search, 0);
	if (!search.found)
		return VERDICT_PORTS_EXHAUSTED;
	count(&nat_events, search.tries > 0 ? NAT_PORT_REPLACED : NAT_PORT_KEPT, 0);
	return VERDICT_GO_ON;
}

/* Makes sure that packets to our own address are looked at from now on: they may be answers. If the
 * connection is between the families, this is noted for both of its addresses here. It holds even
 * after the address was given up. */
static __always_inline void expect_answers(const union address *own,
					   const struct connection_key *request, __u8 family)
{
	struct destination *destination = find_destination(own, family);

	if (destination && !destination->lent)
		destination->lent = 1;
	if (family == request->family)
		return;
	if (destination && !destination->crosses)
		destination->crosses = 1;
	destination = find_destination(&request->destination, request->family);
	if (destination && !destination->crosses)
		destination->crosses = 1;
}

/* A packet of no connection and for no service: is it an answer that came too late? */
static __always_inline enum verdict stray(struct xdp_md *ctx, struct nat_packet *np)
{
	const struct load_balancer *lb = this_load_balancer();
	const struct nat *settings = nat_settings();
	__u16 port = bpf_ntohs(np->key.destination_port);
	__u8 family = np->key.family;

	if (!lb || !settings)
		return VERDICT_BUG;
	if (!same_address(&np->key.destination, own_address(lb, family), family) ||
	    port < settings->first_port || port > settings->last_port)
		return VERDICT_NOT_OURS;
	return has_socket(ctx, &np->key) ? VERDICT_NOT_OURS : VERDICT_LATE_REPLY;
}

#endif
