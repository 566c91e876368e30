/* SPDX-License-Identifier: GPL-2.0-only */
/* buckets: what is left of a limit (maps/limits.h), for each prefix that has begun connections. */
#ifndef MAPS_BUCKETS_H
#define MAPS_BUCKETS_H

#include "types/address.h"
#include "types/map.h"

struct bucket_key {
	__u32 service;	       /* id */
	__u32 family;	       /* 4 or 6 */
	union address address; /* its first bits; the others are 0 */
};

/* A token bucket as one number (the GCRA of ATM), which one atomic operation changes: the bucket is
 * full at this time, ns since boot. Each connection moves that by 1 / rate seconds; when it is a
 * second away, the bucket is empty. */
struct bucket {
	__u64 full_at;
};

_Static_assert(sizeof(struct bucket_key) == 24, "no padding");

/* If there are more prefixes, those that were used last are kept; the others begin with a full
 * bucket again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct bucket_key);
	__type(value, struct bucket);
	__uint(pinning, MAP_PINNING);
} buckets SEC(".maps");

#endif
