/* SPDX-License-Identifier: GPL-2.0-only */
/* What the backend's kernel knows of a TCP flow. */
#ifndef HEADERS_DECAP_SOCKET_H
#define HEADERS_DECAP_SOCKET_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../packet/ip.h"
#include "../packet/packet.h"

/* Returns what the kernel has for a TCP flow: a connection, or else a socket that listens; or NULL.
 * The caller gives it back by bpf_sk_release(). */
static __always_inline struct bpf_sock *find_socket(const struct packet *packet)
{
	const struct flow *flow = &packet->flow;
	struct bpf_sock_tuple tuple = {};

	if (flow->family == 4) {
		tuple.ipv4.saddr = ipv4_of(&flow->client);
		tuple.ipv4.daddr = ipv4_of(&flow->vip);
		tuple.ipv4.sport = flow->client_port;
		tuple.ipv4.dport = flow->vip_port;
		return bpf_skc_lookup_tcp(packet->ctx, &tuple, sizeof(tuple.ipv4),
					  BPF_F_CURRENT_NETNS, 0);
	}
	__builtin_memcpy(tuple.ipv6.saddr, &flow->client, sizeof(tuple.ipv6.saddr));
	__builtin_memcpy(tuple.ipv6.daddr, &flow->vip, sizeof(tuple.ipv6.daddr));
	tuple.ipv6.sport = flow->client_port;
	tuple.ipv6.dport = flow->vip_port;
	return bpf_skc_lookup_tcp(packet->ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
}

#endif
