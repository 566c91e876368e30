/* SPDX-License-Identifier: GPL-2.0-only */
/* Where handshakes wait: the only code that reads or writes their maps. Two CPUs may be at the same
 * set, so it has a lock; what a step needs of a handshake is copied out of it. */
#ifndef HEADERS_NAT_WAITING_H
#define HEADERS_NAT_WAITING_H

#include "sets.h"

/* Looks for a packet's handshake: returns 1 and sets *to, what the packet becomes, if it is there
 * and has not expired. */
static __always_inline int recall_handshake(const struct connection_key *key, __u64 now,
					    struct translation *to)
{
	struct waiting waiting;
	struct handshake *handshake;
	int place, found = 0;

	/* A first look without the lock: nearly always there is nothing. */
	if (find_set(key, &waiting) || place_of(&waiting, key) < 0)
		return 0;
	bpf_spin_lock(&waiting.set->lock);
	place = place_of(&waiting, key);
	handshake = at_place(&waiting, place);
	if (place >= 0 && now < handshake->expires) {
		*to = handshake->translation;
		found = 1;
	}
	bpf_spin_unlock(&waiting.set->lock);
	return found;
}

/* Returns 1 and sets *confirm if the backend has answered in the handshake that has this key for
 * its answers; 0 if it has not, -1 if nothing is known of answers with this key. */
static __always_inline int recall_answer(const struct connection_key *key, __u64 now,
					 __u32 *confirm)
{
	struct waiting waiting;
	struct handshake *handshake;
	int place, answered = -1;

	if (find_set(key, &waiting))
		return -1;
	bpf_spin_lock(&waiting.set->lock);
	place = place_of(&waiting, key);
	handshake = at_place(&waiting, place);
	if (place >= 0 && now < handshake->expires) {
		*confirm = handshake->confirm;
		answered = waiting.set->answered >> place & 1;
	}
	bpf_spin_unlock(&waiting.set->lock);
	return answered;
}

static __always_inline int becomes_the_same(const struct translation *a,
					    const struct translation *b)
{
	return a->family == b->family && same_address(&a->source, &b->source, 6) &&
	       same_address(&a->destination, &b->destination, 6) &&
	       a->source_port == b->source_port && a->destination_port == b->destination_port;
}

/* Notes one direction of a handshake: packets with this key, and what they become, until
 * `expires`. If they become something else already, and that has not expired, it is replaced, or
 * stays if `timid_at`, the time now, is given. Returns 0, or -1 if it stays. */
static __always_inline int note_handshake(const struct connection_key *key,
					  const struct translation *to, __u64 expires,
					  __u64 timid_at)
{
	struct waiting waiting;
	struct handshake *handshake;
	int place, stays = 0;

	if (find_set(key, &waiting))
		return -1;
	bpf_spin_lock(&waiting.set->lock);
	place = place_of(&waiting, key);
	if (place >= 0 && timid_at) {
		handshake = at_place(&waiting, place);
		stays = timid_at < handshake->expires &&
			!becomes_the_same(&handshake->translation, to);
	}
	if (!stays) {
		if (place < 0) {
			place = waiting.set->next;
			waiting.set->next = place >= HANDSHAKES_IN_SET - 1 ? 0 : place + 1;
			write_key(&waiting, place, key);
		}
		handshake = at_place(&waiting, place);
		handshake->translation = *to;
		handshake->expires = expires;
		waiting.set->answered &= ~(1 << place);
	}
	bpf_spin_unlock(&waiting.set->lock);
	return -stays;
}

/* Notes that the backend has answered, by a packet with this key, and what the client must know to
 * confirm it. */
static __always_inline void note_answered(const struct connection_key *key, __u32 confirm)
{
	struct waiting waiting;
	int place;

	if (find_set(key, &waiting))
		return;
	bpf_spin_lock(&waiting.set->lock);
	place = place_of(&waiting, key);
	if (place >= 0) {
		at_place(&waiting, place)->confirm = confirm;
		waiting.set->answered |= 1 << place;
	}
	bpf_spin_unlock(&waiting.set->lock);
}

static __always_inline void forget_one(const struct connection_key *key)
{
	struct waiting waiting;
	int place;

	if (find_set(key, &waiting))
		return;
	bpf_spin_lock(&waiting.set->lock);
	place = place_of(&waiting, key);
	if (place >= 0)
		clear_key(&waiting, place);
	bpf_spin_unlock(&waiting.set->lock);
}

#endif
