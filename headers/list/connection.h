/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection of xdp_nat in a list, by its entry for the client's packets:
 *
 *   PROTOCOL CLIENT PORT VIP PORT OWN PORT BACKEND ADDRESS PORT OPEN
 *
 * PROTOCOL is a number, OWN our address and the port that is lent; BACKEND is an id, and then come
 * its address and port. OPEN: 1, or 0 if the connection is over and nobody has needed its place
 * yet. */
#ifndef HEADERS_LIST_CONNECTION_H
#define HEADERS_LIST_CONNECTION_H

#include <bpf/bpf_endian.h>

#include "../nat/idle.h"
#include "address.h"
#include "element.h"

/* Returns whether a connection goes on. */
static __always_inline int is_open(__u8 protocol, const struct connection *connection)
{
	struct connection_key key = answer_to(&connection->translation);
	struct connection *other = find_entry(&key);
	struct nat *settings = nat_settings();

	return settings && other &&
	       !is_over(settings, bpf_ktime_get_ns(), protocol, connection, other);
}

static __always_inline void print_end(struct seq_file *list, const union address *address,
				      __u8 family, __be16 port)
{
	print_address(list, address, family);
	BPF_SEQ_PRINTF(list, " %u ", bpf_ntohs(port));
}

static __always_inline void print_connection(struct seq_file *list,
					     const struct connection_key *key,
					     const struct connection *connection)
{
	const struct translation *to = &connection->translation;

	BPF_SEQ_PRINTF(list, "%u ", key->protocol);
	print_end(list, &key->source, key->family, key->source_port);
	print_end(list, &key->destination, key->family, key->destination_port);
	print_end(list, &to->source, to->family, to->source_port);
	BPF_SEQ_PRINTF(list, "%u ", to->backend);
	print_end(list, &to->destination, to->family, to->destination_port);
	BPF_SEQ_PRINTF(list, "%u\n", is_open(key->protocol, connection));
}

#endif
