/* SPDX-License-Identifier: GPL-2.0-only */
/* The two maps of connections, as one: here, and nowhere else, it is decided in which of them an
 * entry is. */
#ifndef HEADERS_NAT_ENTRIES_H
#define HEADERS_NAT_ENTRIES_H

#include "../../maps/conntrack.h"
#include "../../maps/conntrack6.h"

/* Returns the key of an IPv4 packet as conntrack has it. */
static __always_inline struct ipv4_key short_key(const struct connection_key *key)
{
	return (struct ipv4_key){
		.source = ipv4_of(&key->source),
		.destination = ipv4_of(&key->destination),
		.source_port = key->source_port,
		.destination_port = key->destination_port,
		.protocol = key->protocol,
	};
}

/* The way back. */
static __always_inline struct connection_key long_key(const struct ipv4_key *key)
{
	return (struct connection_key){
		.source = ipv4_address(key->source),
		.destination = ipv4_address(key->destination),
		.source_port = key->source_port,
		.destination_port = key->destination_port,
		.protocol = key->protocol,
		.family = 4,
	};
}

/* Returns what the answer to a translated packet looks like: the key of the connection's other
 * entry. */
static __always_inline struct connection_key answer_to(const struct translation *to)
{
	return (struct connection_key){
		.source = to->destination,
		.destination = to->source,
		.source_port = to->destination_port,
		.destination_port = to->source_port,
		.protocol = to->protocol,
		.family = to->family,
	};
}

/* Returns the entry of packets with this key, or NULL. */
static __always_inline struct connection *find_entry(const struct connection_key *key)
{
	struct ipv4_key ipv4;

	if (key->family == 6)
		return bpf_map_lookup_elem(&conntrack6, key);
	ipv4 = short_key(key);
	return bpf_map_lookup_elem(&conntrack, &ipv4);
}

/* Returns 0, or an error if there is one with this key, or no room. */
static __always_inline long add_entry(const struct connection_key *key,
				      const struct connection *connection)
{
	struct ipv4_key ipv4;

	if (key->family == 6)
		return bpf_map_update_elem(&conntrack6, key, connection, BPF_NOEXIST);
	ipv4 = short_key(key);
	return bpf_map_update_elem(&conntrack, &ipv4, connection, BPF_NOEXIST);
}

static __always_inline void delete_entry(const struct connection_key *key)
{
	struct ipv4_key ipv4;

	if (key->family == 6) {
		bpf_map_delete_elem(&conntrack6, key);
		return;
	}
	ipv4 = short_key(key);
	bpf_map_delete_elem(&conntrack, &ipv4);
}

#endif
