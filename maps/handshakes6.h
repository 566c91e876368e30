/* SPDX-License-Identifier: GPL-2.0-only */
/* handshakes6: connections of xdp_nat that have not been confirmed yet, as in handshakes.h: those
 * whose client or backend has an IPv6 address. */
#ifndef MAPS_HANDSHAKES6_H
#define MAPS_HANDSHAKES6_H

#include "handshakes.h"

struct handshake6 {
	struct connection_key key; /* whose packets */
	struct translation translation;
	__u32 confirm;
	__u64 expires;
};

struct handshake6_set {
	struct bpf_spin_lock lock;
	__u8 next;
	__u8 answered;
	__u16 unused;
	struct handshake6 first, second, third;
};

_Static_assert(sizeof(struct handshake6) == 96, "no padding");
_Static_assert(sizeof(struct handshake6_set) == 296, "no padding");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HANDSHAKE_SETS);
	__type(key, __u32);
	__type(value, struct handshake6_set);
	__uint(pinning, MAP_PINNING);
} handshakes6 SEC(".maps");

#endif
