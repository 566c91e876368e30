/* SPDX-License-Identifier: GPL-2.0-only */
/* handshakes6: what handshakes.h has for IPv4 packets, for those of IPv6. */
#ifndef MAPS_HANDSHAKES6_H
#define MAPS_HANDSHAKES6_H

#include "handshakes.h"

struct handshake6_set {
	struct bpf_spin_lock lock;
	__u8 next;
	__u8 answered;
	__u8 unused[2];
	struct connection_key keys[HANDSHAKES_IN_SET];
	struct handshake handshakes[HANDSHAKES_IN_SET];
};

_Static_assert(sizeof(struct handshake6_set) == 320, "five cache lines");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HANDSHAKE_SETS);
	__type(key, __u32);
	__type(value, struct handshake6_set);
	__uint(pinning, MAP_PINNING);
} handshakes6 SEC(".maps");

#endif
