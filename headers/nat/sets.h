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

/* A set of either map: one of them, the other is NULL. Their locks are what they have in common. */
struct waiting {
	struct handshake_set *set;
	struct handshake6_set *set6;
	struct bpf_spin_lock *lock;
};

/* Finds the set of a key: of handshakes, if both families are IPv4 (`is_short`), or of handshakes6.
 * The hash has the load balancer's secret key, so that nobody can aim at a set. Returns 0 or -1. */
static __always_inline int find_set(const struct connection_key *key, int is_short,
				    struct waiting *waiting)
{
	struct load_balancer *lb = this_load_balancer();
	struct flow flow = flow_of(key);
	__u32 index;

	if (!lb)
		return -1;
	*waiting = (struct waiting){};
	index = scale(flow_hash(&flow, lb->hash_key), HANDSHAKE_SETS);
	if (is_short) {
		waiting->set = bpf_map_lookup_elem(&handshakes, &index);
		if (!waiting->set)
			return -1;
		waiting->lock = &waiting->set->lock;
	} else {
		waiting->set6 = bpf_map_lookup_elem(&handshakes6, &index);
		if (!waiting->set6)
			return -1;
		waiting->lock = &waiting->set6->lock;
	}
	asm volatile("" : "+r"(waiting->set6)); /* or clang would look at `is_short` again */
	return 0;
}

static __always_inline int is_of(const struct handshake *handshake,
				 const struct connection_key *key)
{
	return handshake->source == ipv4_of(&key->source) &&
	       handshake->destination == ipv4_of(&key->destination) &&
	       handshake->source_port == key->source_port &&
	       handshake->destination_port == key->destination_port &&
	       handshake->protocol == key->protocol && handshake->expires;
}

static __always_inline int is_of6(const struct handshake6 *handshake,
				  const struct connection_key *key)
{
	const struct connection_key *own = &handshake->key;

	return same_address(&own->source, &key->source, 6) &&
	       same_address(&own->destination, &key->destination, 6) &&
	       own->source_port == key->source_port &&
	       own->destination_port == key->destination_port && own->protocol == key->protocol &&
	       own->family == key->family && handshake->expires;
}

/* Returns which one of a set is the key's, or -1. The set is locked. */
static __always_inline int place_of(const struct waiting *waiting, const struct connection_key *key)
{
	const struct handshake6_set *set6 = waiting->set6;
	const struct handshake_set *set = waiting->set;

	if (set6)
		return is_of6(&set6->first, key)    ? 0
		       : is_of6(&set6->second, key) ? 1
		       : is_of6(&set6->third, key)  ? 2
						    : -1;
	return is_of(&set->first, key)	  ? 0
	       : is_of(&set->second, key) ? 1
	       : is_of(&set->third, key)  ? 2
					  : -1;
}

static __always_inline struct handshake *at_place(struct handshake_set *set, int place)
{
	return place == 0 ? &set->first : place == 1 ? &set->second : &set->third;
}

static __always_inline struct handshake6 *at_place6(struct handshake6_set *set, int place)
{
	return place == 0 ? &set->first : place == 1 ? &set->second : &set->third;
}

static __always_inline __u64 *expires_at(const struct waiting *waiting, int place)
{
	return waiting->set6 ? &at_place6(waiting->set6, place)->expires
			     : &at_place(waiting->set, place)->expires;
}

static __always_inline __u32 *confirm_at(const struct waiting *waiting, int place)
{
	return waiting->set6 ? &at_place6(waiting->set6, place)->confirm
			     : &at_place(waiting->set, place)->confirm;
}

static __always_inline __u8 *answered_in(const struct waiting *waiting)
{
	return waiting->set6 ? &waiting->set6->answered : &waiting->set->answered;
}

/* Returns the place of the one that has to go next. */
static __always_inline int take_turn(const struct waiting *waiting)
{
	__u8 *next = waiting->set6 ? &waiting->set6->next : &waiting->set->next;
	int place = *next;

	*next = place >= 2 ? 0 : place + 1;
	return place;
}

/* Sets *to to what the packets of a handshake become. */
static __always_inline void read_translation(const struct waiting *waiting, int place,
					     struct translation *to)
{
	struct handshake *from;

	if (waiting->set6) {
		*to = at_place6(waiting->set6, place)->translation;
		return;
	}
	from = at_place(waiting->set, place);
	to->source = ipv4_address(from->new_source);
	to->destination = ipv4_address(from->new_destination);
	to->source_port = from->new_source_port;
	to->destination_port = from->new_destination_port;
	to->backend = from->backend;
	to->direction = from->direction;
	to->protocol = from->protocol;
	to->family = 4;
}

static __always_inline void write_handshake(const struct waiting *waiting, int place,
					    const struct connection_key *key,
					    const struct translation *to)
{
	struct handshake6 *handshake6;
	struct handshake *handshake;

	if (waiting->set6) {
		handshake6 = at_place6(waiting->set6, place);
		handshake6->key = *key;
		handshake6->translation = *to;
		return;
	}
	handshake = at_place(waiting->set, place);
	handshake->source = ipv4_of(&key->source);
	handshake->destination = ipv4_of(&key->destination);
	handshake->source_port = key->source_port;
	handshake->destination_port = key->destination_port;
	handshake->new_source = ipv4_of(&to->source);
	handshake->new_destination = ipv4_of(&to->destination);
	handshake->new_source_port = to->source_port;
	handshake->new_destination_port = to->destination_port;
	handshake->backend = to->backend;
	handshake->direction = to->direction;
	handshake->protocol = to->protocol;
}

#endif
