/* SPDX-License-Identifier: GPL-2.0-only */
/* The two maps of handshakes, as one: the sets that handshakes wait in. A key's hash says which set
 * it is in. */
#ifndef HEADERS_NAT_SETS_H
#define HEADERS_NAT_SETS_H

#include "../../maps/handshakes.h"
#include "../../maps/handshakes6.h"
#include "../../maps/load_balancer.h"
#include "../packet/hash.h"
#include "entries.h"

/* A set of either map. Where they differ there are pointers into it, which are set where the map is
 * chosen: so the verifier sees that they belong to the same set. */
struct waiting {
	struct handshake_set *set; /* of handshakes6, too, as far as both begin in the same way */
	struct connection_key *keys6; /* NULL if it is a set of handshakes */
	struct handshake *handshakes;
};

/* The hash has the load balancer's secret key, so that nobody can aim at a set. Returns 0 or -1. */
static __always_inline int find_set(const struct connection_key *key, struct waiting *waiting)
{
	struct load_balancer *lb = this_load_balancer();
	struct flow flow = flow_of(key);
	struct handshake6_set *set6;
	__u32 index;

	if (!lb)
		return -1;
	index = scale(flow_hash(&flow, lb->hash_key), HANDSHAKE_SETS);
	if (key->family == 6) {
		set6 = bpf_map_lookup_elem(&handshakes6, &index);
		if (!set6)
			return -1;
		*waiting = (struct waiting){(void *)set6, set6->keys, set6->handshakes};
	} else {
		waiting->set = bpf_map_lookup_elem(&handshakes, &index);
		if (!waiting->set)
			return -1;
		waiting->keys6 = NULL;
		waiting->handshakes = waiting->set->handshakes;
	}
	asm volatile("" : "+r"(waiting->keys6)); /* or clang would look at the family again */
	return 0;
}

static __always_inline int is_ipv4_key(const struct ipv4_key *one, const struct connection_key *key)
{
	return one->source == ipv4_of(&key->source) &&
	       one->destination == ipv4_of(&key->destination) &&
	       one->source_port == key->source_port &&
	       one->destination_port == key->destination_port && one->protocol == key->protocol;
}

static __always_inline int is_ipv6_key(const struct connection_key *one,
				       const struct connection_key *key)
{
	return same_address(&one->source, &key->source, 6) &&
	       same_address(&one->destination, &key->destination, 6) &&
	       one->source_port == key->source_port &&
	       one->destination_port == key->destination_port && one->protocol == key->protocol;
}

/* Returns which one of a set is the key's, or -1. The set is locked. */
static __always_inline int place_of(const struct waiting *waiting, const struct connection_key *key)
{
	for (int i = 0; i < HANDSHAKES_IN_SET; i++)
		if (waiting->keys6 ? is_ipv6_key(&waiting->keys6[i], key)
				   : is_ipv4_key(&waiting->set->keys[i], key))
			return i;
	return -1;
}

static __always_inline struct handshake *at_place(const struct waiting *waiting, int place)
{
	struct handshake *first = waiting->handshakes;

	return place == 0 ? first : place == 1 ? first + 1 : first + 2;
}

static __always_inline void write_key(const struct waiting *waiting, int place,
				      const struct connection_key *key)
{
	for (int i = 0; i < HANDSHAKES_IN_SET; i++) {
		if (i != place)
			continue;
		if (waiting->keys6)
			waiting->keys6[i] = *key;
		else
			waiting->set->keys[i] = short_key(key);
	}
}

static __always_inline void clear_key(const struct waiting *waiting, int place)
{
	for (int i = 0; i < HANDSHAKES_IN_SET; i++) {
		if (i != place)
			continue;
		if (waiting->keys6)
			waiting->keys6[i].protocol = 0;
		else
			waiting->set->keys[i].protocol = 0;
	}
}

#endif
