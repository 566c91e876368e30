/* SPDX-License-Identifier: GPL-2.0-only */
/* Where handshakes wait: the only code that reads or writes their maps. Two CPUs may be at the same
 * set, so it has a lock; what a step needs of a handshake is copied out of it. */
#ifndef HEADERS_NAT_WAITING_H
#define HEADERS_NAT_WAITING_H

#include "../../maps/destinations.h"
#include "sets.h"

static __always_inline int is_short(const struct connection_key *key, const struct translation *to)
{
	return key->family == 4 && to->family == 4;
}

/* Looks for a packet's handshake in one of the maps: returns 1 and sets *to, what the packet
 * becomes, if it is there and has not expired. */
static __always_inline int recall_from(const struct connection_key *key, int is_short, __u64 now,
				       struct translation *to)
{
	struct waiting waiting;
	int place, found = 0;

	/* A first look without the lock: nearly always there is nothing. */
	if (find_set(key, is_short, &waiting) || place_of(&waiting, key) < 0)
		return 0;
	bpf_spin_lock(waiting.lock);
	place = place_of(&waiting, key);
	if (place >= 0 && now < *expires_at(&waiting, place)) {
		read_translation(&waiting, place, to);
		found = 1;
	}
	bpf_spin_unlock(waiting.lock);
	return found;
}

/* The same in both: what an IPv4 packet becomes is not known yet. It is IPv6 only if such packets
 * to this address have been seen before. */
static __always_inline int recall_handshake(const struct connection_key *key, __u64 now,
					    struct translation *to)
{
	struct destination *destination;

	if (key->family == 6)
		return recall_from(key, 0, now, to);
	if (recall_from(key, 1, now, to))
		return 1;
	destination = find_destination(&key->destination, 4);
	return destination && destination->crosses && recall_from(key, 0, now, to);
}

/* Returns whether the handshake at a place is about the same answers to the same client: `to` is
 * what they become. */
static __always_inline int becomes_the_same(const struct waiting *waiting, int place,
					    const struct translation *to)
{
	struct handshake6 *handshake6;
	struct handshake *handshake;

	if (waiting->set6) {
		handshake6 = at_place6(waiting->set6, place);
		return handshake6->translation.family == to->family &&
		       handshake6->translation.source_port == to->source_port &&
		       handshake6->translation.destination_port == to->destination_port &&
		       same_address(&handshake6->translation.source, &to->source, 6) &&
		       same_address(&handshake6->translation.destination, &to->destination, 6);
	}
	handshake = at_place(waiting->set, place);
	return handshake->new_source == ipv4_of(&to->source) &&
	       handshake->new_destination == ipv4_of(&to->destination) &&
	       handshake->new_source_port == to->source_port &&
	       handshake->new_destination_port == to->destination_port;
}

/* Returns 1 and sets *confirm if the backend has answered in the handshake that has this key for
 * its answers; 0 if it has not, -1 if nothing is known of such answers. `back` is what they become;
 * if that is something else, they are another client's. NULL: any client's. */
static __always_inline int recall_answer(const struct connection_key *key, int is_short,
					 const struct translation *back, __u64 now, __u32 *confirm)
{
	struct waiting waiting;
	int place, answered = -1;

	if (find_set(key, is_short, &waiting))
		return -1;
	bpf_spin_lock(waiting.lock);
	place = place_of(&waiting, key);
	if (place >= 0 && now < *expires_at(&waiting, place) &&
	    (!back || becomes_the_same(&waiting, place, back))) {
		*confirm = *confirm_at(&waiting, place);
		answered = *answered_in(&waiting) >> place & 1;
	}
	bpf_spin_unlock(waiting.lock);
	return answered;
}

/* Notes one direction of a handshake: packets with this key, and what they become, until
 * `expires`. If they become something else already, and that has not expired, it is replaced, or
 * stays if `timid_at`, the time now, is given. Returns 0, or -1 if it stays. */
static __always_inline int note_handshake(const struct connection_key *key,
					  const struct translation *to, __u64 expires,
					  __u64 timid_at)
{
	struct waiting waiting;
	int place, stays = 0;

	if (find_set(key, is_short(key, to), &waiting))
		return -1;
	bpf_spin_lock(waiting.lock);
	place = place_of(&waiting, key);
	if (place >= 0 && timid_at)
		stays = timid_at < *expires_at(&waiting, place) &&
			!becomes_the_same(&waiting, place, to);
	if (!stays) {
		if (place < 0)
			place = take_turn(&waiting);
		write_handshake(&waiting, place, key, to);
		*expires_at(&waiting, place) = expires;
		*answered_in(&waiting) &= ~(1 << place);
	}
	bpf_spin_unlock(waiting.lock);
	return -stays;
}

/* Notes that the backend has answered, by a packet with this key, and what the client must know to
 * confirm it. */
static __always_inline void note_answered(const struct connection_key *key, int is_short,
					  __u32 confirm)
{
	struct waiting waiting;
	int place;

	if (find_set(key, is_short, &waiting))
		return;
	bpf_spin_lock(waiting.lock);
	place = place_of(&waiting, key);
	if (place >= 0) {
		*confirm_at(&waiting, place) = confirm;
		*answered_in(&waiting) |= 1 << place;
	}
	bpf_spin_unlock(waiting.lock);
}

static __always_inline void forget_one(const struct connection_key *key, int is_short)
{
	struct waiting waiting;
	int place;

	if (find_set(key, is_short, &waiting))
		return;
	bpf_spin_lock(waiting.lock);
	place = place_of(&waiting, key);
	if (place >= 0)
		*expires_at(&waiting, place) = 0;
	bpf_spin_unlock(waiting.lock);
}

#endif
