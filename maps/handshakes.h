/* SPDX-License-Identifier: GPL-2.0-only */
/* handshakes: connections of xdp_nat that have not been confirmed yet. Here are those of IPv4
 * packets, in handshakes6 those of IPv6: as in conntrack.h. */
#ifndef MAPS_HANDSHAKES_H
#define MAPS_HANDSHAKES_H

#include "conntrack.h"

#define HANDSHAKE_SETS 65536
#define HANDSHAKES_IN_SET 3

/* One direction of a handshake. (Whose packets: a key beside it says so.) */
struct handshake {
	struct translation translation;
	__u32 confirm; /* of a reply: the TCP acknowledgement that the client must know */
	__u64 expires; /* ns since boot */
	__u64 unused;
};

/* A table of its own, because a flood of spoofed SYNs pushes out other handshakes, but never a
 * connection. And one where a newcomer takes the place of the oldest of three, without a search: an
 * LRU of the kernel looks for the oldest of all, and takes it out of its list and of its bucket,
 * which costs more than all the rest that is done for a SYN. The keys of three handshakes, and
 * which one is next, are a cache line; so is each of the handshakes. */
struct handshake_set {
	struct bpf_spin_lock lock;
	__u8 next;     /* which one has to go next */
	__u8 answered; /* bit i: the backend has answered handshake i, a reply's */
	__u8 unused[2];
	struct ipv4_key keys[HANDSHAKES_IN_SET]; /* protocol 0: there is none */
	__u64 unused8;
	struct handshake handshakes[HANDSHAKES_IN_SET];
};

_Static_assert(sizeof(struct handshake) == 64, "a cache line");
_Static_assert(sizeof(struct handshake_set) == 256, "four cache lines");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* so that it begins with a page, and sets with a line */
	__uint(max_entries, HANDSHAKE_SETS);
	__type(key, __u32);
	__type(value, struct handshake_set);
	__uint(pinning, MAP_PINNING);
} handshakes SEC(".maps");

#endif
