/* SPDX-License-Identifier: GPL-2.0-only */
/* A second chance: a packet of a connection that this backend does not have is handed on to the
 * other backend that may have it.
 *
 * A load balancer that has taken over a flow from another one, and remembers nothing of it, sends
 * it to where the flow's slot points for it. That can be the wrong backend, if the slot has got
 * another one meanwhile, or if the load balancers do not have the same configuration yet. The
 * backend knows better: its kernel has a socket for each connection. So this one has the same
 * services, and asks its own slots who else there is. (Beamer, NSDI 2018, and GLB let the load
 * balancer say it, in the packet: then it is as wrong as the load balancer's configuration is, and
 * needs a tunnel with room for it.)
 *
 * It is handed on once at most, whatever anybody's configuration says: the envelope has a mark
 * (HANDED_ON), and what comes with the mark stays here. */
#ifndef HEADERS_DECAP_CHANCE_H
#define HEADERS_DECAP_CHANCE_H

#include "../../maps/decap_stats.h"
#include "../lb/nexthop.h"
#include "../lb/services.h"
#include "../lb/slots.h"
#include "../packet/parse.h"
#include "../tunnel/ipip.h"
#include "socket.h"

/* Returns whether a packet can belong to a connection that another backend has: what begins one is
 * for this one. UDP has no connections that a kernel could know. */
static __always_inline int continues(const struct packet *packet)
{
	return packet->flow.protocol == IPPROTO_TCP && !packet->opens &&
	       (packet->parsed == PARSED_FLOW || packet->parsed == PARSED_ICMP_ERROR);
}

/* Returns the backend with this id if it is another one than the host that has this address, and
 * takes packets; or NULL. */
static __always_inline struct backend *if_other(__u32 id, const struct tunnel *tunnel)
{
	struct backend *backend = usable_backend(id);

	if (!backend || (backend->family == tunnel->family &&
			 same_address(&backend->address, &tunnel->to, tunnel->family)))
		return NULL;
	return backend;
}

/* Returns who else may have the flow, and sets *id: the backend that its slot has now, or if that
 * is this one, the backend that it had before. NULL: nobody. */
static __always_inline struct backend *other_backend(const struct packet *packet,
						     const struct tunnel *tunnel,
						     const struct load_balancer *lb, __u32 *id)
{
	struct service *service = find_service(&packet->flow);
	struct backend *backend;
	struct slot slot;

	if (!service)
		return NULL;
	slot = find_slot(service, &packet->flow, lb);
	*id = slot.now;
	backend = if_other(slot.now, tunnel);
	if (backend || slot.was == slot.now)
		return backend;
	*id = slot.was; /* SLOT_FLOWS_ONLY is the id of nobody */
	return if_other(slot.was, tunnel);
}

/* Returns whether the packet ends a handshake that the kernel remembers in its sequence numbers
 * alone (a SYN cookie): `listener` is a socket that listens. */
static __always_inline int is_cookie(const struct packet *packet, struct bpf_sock *listener)
{
	void *ip = packet->flow.family == 4 ? (void *)packet->ip : (void *)packet->ip6;
	struct tcphdr *tcp = packet->transport;

	/* (It is there: but the verifier of Linux 6.1 does not see that.) */
	if (packet->parsed != PARSED_FLOW ||
	    (void *)(tcp + 1) > (void *)(long)packet->ctx->data_end)
		return 0;
	return !bpf_tcp_check_syncookie(listener, ip, ip_length(packet->flow.family), tcp,
					sizeof(*tcp));
}

/* Returns whether the flow is for this host: it has the connection, or it does not listen there.
 * (Then its server may be in another network namespace, a container's, and nothing is known of its
 * connections.) */
static __always_inline int is_at_home(const struct packet *packet)
{
	struct bpf_sock *socket = find_socket(packet);
	int is_mine;

	if (!socket)
		return 1;
	is_mine = socket->state != BPF_TCP_LISTEN || is_cookie(packet, socket);
	bpf_sk_release(socket);
	return is_mine;
}

/* Sends the packet to a backend of this family, with the mark. */
static __always_inline enum decap_verdict hand_on(const struct packet *packet,
						  const struct load_balancer *lb, __u32 id,
						  const struct backend *backend, __u8 family)
{
	struct path outer = {own_address(lb, family), &backend->address, family, .mark = HANDED_ON};
	struct nexthop *hop;

	if (is_unset(outer.source, family) ||
	    find_nexthop(packet, lb, id, &outer, &hop) != VERDICT_GO_ON ||
	    packet->length + ip_length(family) + IPIP_OVERHEAD > hop->mtu)
		return DECAP_NO_WAY;
	if (push_ipip(packet, hop, &outer))
		return DECAP_BUG;
	switch (forward(packet, hop)) {
	case VERDICT_FORWARDED:
		return DECAP_HANDED_ON;
	case VERDICT_REDIRECTED:
		return DECAP_HANDED_ASIDE;
	default:
		return DECAP_BUG;
	}
}

#endif
