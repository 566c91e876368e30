/* SPDX-License-Identifier: GPL-2.0-only */
/* Only the first fragment of a packet has ports. It is noted where it went, and the others follow.
 */
#ifndef HEADERS_LB_FRAGMENTS_H
#define HEADERS_LB_FRAGMENTS_H

#include "../../maps/types/map.h"
#include "../../maps/types/translation.h"
#include "../packet/ip.h"
#include "../packet/packet.h"
#include "services.h"

#define FRAGMENT_LIFETIME 30000000000ULL /* ns; as long as the kernel waits (ipfrag_time) */

/* What the fragments of a packet have in common (RFC 791, 3.2; RFC 8200, 4.5: there the protocol
 * has no part in it). */
struct fragment_key {
	union address client;
	union address vip;
	__be32 id;
	__u8 protocol; /* IPv4 */
	__u8 family;
	__u8 unused[2];
};

struct fragment_note {
	__u32 backend;		    /* id; 0: the kernel has the first one, and gets the others */
	struct translation becomes; /* NAT */
	__u64 expires;		    /* ns since boot */
};

/* The programs' own: not pinned, the shell has nothing to read here. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct fragment_key);
	__type(value, struct fragment_note);
} fragments SEC(".maps");

/* Taken from the packet's own header: the flow of an ICMP error is that of the packet it quotes. */
static __always_inline struct fragment_key fragment_key(const struct packet *packet)
{
	return (struct fragment_key){
		.client = source_of(packet),
		.vip = destination_of(packet),
		.id = packet->flow.family == 4 ? packet->ip->id : packet->fragment_id,
		.protocol = packet->flow.family == 4 ? packet->ip->protocol : 0,
		.family = packet->flow.family,
	};
}

/* Writes a note: what becomes of fragments with this key. (A function of its own, not inlined: it
 * is rare, and so does not need room on the stack of what is not.) */
__attribute__((noinline)) int write_note(const struct fragment_key *key, __u32 backend,
					 const struct translation *becomes)
{
	struct fragment_note note = {
		.backend = backend,
		.expires = bpf_ktime_get_coarse_ns() + FRAGMENT_LIFETIME,
	};
	struct fragment_key own;

	if (!key)
		return -1;
	own = *key; /* Linux 6.1 takes no key from where an argument points to */
	if (becomes)
		note.becomes = *becomes;
	return bpf_map_update_elem(&fragments, &own, &note, BPF_ANY);
}

/* Notes what is to be done with the other fragments of this packet: which backend they are for (0:
 * they are the kernel's), and what they become (NAT; else NULL). */
static __always_inline void note_fragment(const struct packet *packet, __u32 backend,
					  const struct translation *becomes)
{
	struct fragment_key key = fragment_key(packet);

	write_note(&key, backend, becomes);
}

/* Returns what was noted with the first fragment, or NULL if it was not seen. */
static __always_inline struct fragment_note *recall_fragment(const struct packet *packet)
{
	struct fragment_key key = fragment_key(packet);
	struct fragment_note *note = bpf_map_lookup_elem(&fragments, &key);

	return note && bpf_ktime_get_coarse_ns() < note->expires ? note : NULL;
}

/* Leaves a packet to the kernel: if it is the first fragment of one for a VIP (a long ping, for
 * example), the kernel gets the other fragments too. */
static __always_inline void note_for_kernel(const struct packet *packet)
{
	if (packet->piece == PIECE_FIRST && is_vip(destination_of(packet), packet->flow.family))
		note_fragment(packet, 0, NULL);
}

#endif
