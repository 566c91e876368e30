/* SPDX-License-Identifier: GPL-2.0-only */
/* handshakes: connections of xdp_nat that have not been confirmed yet. Here are those of IPv4
 * clients with IPv4 backends, in handshakes6 all others. */
#ifndef MAPS_HANDSHAKES_H
#define MAPS_HANDSHAKES_H

#include "conntrack.h"

#define HANDSHAKE_SETS 65536

/* One direction of a handshake. */
struct handshake {
	/* Whose packets: as they are on the wire, in network byte order, */
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	/* and what they become. */
	__be32 new_source;
	__be32 new_destination;
	__be16 new_source_port;
	__be16 new_destination_port;
	__u16 backend;	/* id */
	__u8 direction; /* enum direction */
	__u8 protocol;
	__u32 confirm; /* of a reply: the TCP acknowledgement that the client must know */
	__u64 expires; /* ns since boot; 0: there is none */
};

/* A table of its own, because a flood of spoofed SYNs pushes out other handshakes, but never a
 * connection. And one where a newcomer takes the place of the oldest of three, without a search: an
 * LRU of the kernel looks for the oldest of all, and takes it out of its list and of its bucket,
 * which costs more than all the rest that is done for a SYN. Three handshakes and what belongs to
 * them are two cache lines. */
struct handshake_set {
	struct bpf_spin_lock lock;
	__u8 next;     /* which one has to go next */
	__u8 answered; /* bit i: the backend has answered handshake i, a reply's */
	__u16 unused;
	struct handshake first, second, third;
};

_Static_assert(sizeof(struct handshake) == 40, "no padding");
_Static_assert(sizeof(struct handshake_set) == 128, "two cache lines");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* so that it begins with a page, and sets with a line */
	__uint(max_entries, HANDSHAKE_SETS);
	__type(key, __u32);
	__type(value, struct handshake_set);
	__uint(pinning, MAP_PINNING);
} handshakes SEC(".maps");

#endif
