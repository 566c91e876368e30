/* SPDX-License-Identifier: GPL-2.0-only */
/* Where handshakes wait: the map of handshakes, and the only code that reads or writes it. A key's
 * hash says which set it is in. Two CPUs may be at the same set, so it has a lock; what a step
 * needs of a handshake is copied out of it. */
#ifndef HEADERS_NAT_WAITING_H
#define HEADERS_NAT_WAITING_H

#include "../../maps/handshakes.h"
#include "../packet/hash.h"
#include "connection.h"

#define HANDSHAKES_IN_SET 3

/* The hash has the load balancer's secret key, so that nobody can aim at a set. */
static __always_inline struct handshake_set *set_of(const struct ipv4_key *key,
						    const struct load_balancer *lb)
{
	struct flow flow = {
		.client = ipv4_address(key->source),
		.vip = ipv4_address(key->destination),
		.client_port = key->source_port,
		.vip_port = key->destination_port,
		.protocol = key->protocol,
		.family = 4,
	};
	__u32 index = scale(flow_hash(&flow, lb->hash_key), HANDSHAKE_SETS);

	return bpf_map_lookup_elem(&handshakes, &index);
}

static __always_inline int is_handshake_of(const struct handshake *handshake,
					   const struct ipv4_key *key)
{
	return handshake->source == key->source && handshake->destination == key->destination &&
	       handshake->source_port == key->source_port &&
	       handshake->destination_port == key->destination_port &&
	       handshake->translation.protocol == key->protocol && handshake->expires;
}

/* Returns which one of a set is the key's, or -1. The set is locked. */
static __always_inline int place_of(const struct handshake_set *set, const struct ipv4_key *key)
{
	return is_handshake_of(&set->first, key)    ? 0
	       : is_handshake_of(&set->second, key) ? 1
	       : is_handshake_of(&set->third, key)  ? 2
						    : -1;
}

static __always_inline struct handshake *at_place(struct handshake_set *set, int place)
{
	return place == 0 ? &set->first : place == 1 ? &set->second : &set->third;
}

/* Looks for the packet's handshake: returns 1 and sets *to, what the packet becomes, if it is there
 * and has not expired. */
static __always_inline int recall_handshake(const struct nat_packet *np, struct translation *to)
{
	struct handshake_set *set = set_of(np->key, np->lb);
	int place, found = 0;

	/* A first look without the lock: nearly always there is nothing. */
	if (!set || place_of(set, np->key) < 0)
		return 0;
	bpf_spin_lock(&set->lock);
	place = place_of(set, np->key);
	if (place >= 0 && np->now < at_place(set, place)->expires) {
		*to = at_place(set, place)->translation;
		found = 1;
	}
	bpf_spin_unlock(&set->lock);
	return found;
}

/* Returns 1 and sets *confirm if the backend has answered in the handshake that has this key for
 * its answers; 0 if it has not, -1 if nothing is known of answers with this key. */
static __always_inline int recall_answer(const struct nat_packet *np, const struct ipv4_key *key,
					 __u32 *confirm)
{
	struct handshake_set *set = set_of(key, np->lb);
	int place, answered = -1;

	if (!set)
		return -1;
	bpf_spin_lock(&set->lock);
	place = place_of(set, key);
	if (place >= 0 && np->now < at_place(set, place)->expires) {
		*confirm = at_place(set, place)->confirm;
		answered = set->answered >> place & 1;
	}
	bpf_spin_unlock(&set->lock);
	return answered;
}

static __always_inline int becomes_the_same(const struct translation *a,
					    const struct translation *b)
{
	return a->source == b->source && a->destination == b->destination &&
	       a->source_port == b->source_port && a->destination_port == b->destination_port;
}

/* Notes one direction of a handshake: packets with this key, and what they become. If they become
 * something else already, and that has not expired, it is replaced, or stays if this one is
 * `timid`. Returns 0, or -1 if it stays. */
static __always_inline int note_handshake(const struct nat_packet *np, const struct ipv4_key *key,
					  const struct translation *to, __u64 expires, int timid)
{
	struct handshake_set *set = set_of(key, np->lb);
	struct handshake *handshake;
	int place, stays = 0;

	if (!set)
		return -1;
	bpf_spin_lock(&set->lock);
	place = place_of(set, key);
	if (place >= 0 && timid) {
		handshake = at_place(set, place);
		stays = np->now < handshake->expires &&
			!becomes_the_same(&handshake->translation, to);
	}
	if (!stays) {
		if (place < 0) {
			place = set->next;
			set->next = place >= HANDSHAKES_IN_SET - 1 ? 0 : place + 1;
		}
		handshake = at_place(set, place);
		handshake->source = key->source;
		handshake->destination = key->destination;
		handshake->source_port = key->source_port;
		handshake->destination_port = key->destination_port;
		handshake->translation = *to;
		handshake->expires = expires;
		set->answered &= ~(1 << place);
	}
	bpf_spin_unlock(&set->lock);
	return -stays;
}

/* Notes that the backend has answered, by this packet, and what the client must know to confirm it.
 */
static __always_inline void note_answered(const struct nat_packet *np, __u32 confirm)
{
	struct handshake_set *set = set_of(np->key, np->lb);
	int place;

	if (!set)
		return;
	bpf_spin_lock(&set->lock);
	place = place_of(set, np->key);
	if (place >= 0) {
		at_place(set, place)->confirm = confirm;
		set->answered |= 1 << place;
	}
	bpf_spin_unlock(&set->lock);
}

static __always_inline void forget_one(const struct ipv4_key *key, const struct load_balancer *lb)
{
	struct handshake_set *set = set_of(key, lb);
	int place;

	if (!set)
		return;
	bpf_spin_lock(&set->lock);
	place = place_of(set, key);
	if (place >= 0)
		at_place(set, place)->expires = 0;
	bpf_spin_unlock(&set->lock);
}

/* Forgets the packet's handshake, of which `to` is what the packet becomes: both directions. */
static __always_inline void forget_handshake(const struct nat_packet *np,
					     const struct translation *to)
{
	struct ipv4_key other_key = answer_to(to);

	forget_one(&other_key, np->lb);
	forget_one(np->key, np->lb);
}

#endif
