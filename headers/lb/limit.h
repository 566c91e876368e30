/* SPDX-License-Identifier: GPL-2.0-only */
/* How many new connections may come from one prefix of clients? Looked at for packets that begin
 * one, of services that have a limit. */
#ifndef HEADERS_LB_LIMIT_H
#define HEADERS_LB_LIMIT_H

#include <bpf/bpf_endian.h>

#include "../../maps/buckets.h"
#include "../../maps/limits.h"

#define LIMIT_PERIOD 1000000000ULL /* ns */
#define LIMIT_TRIES 4		   /* with another CPU at the same bucket */

/* Returns the first bits of an address; the others become 0. */
static __always_inline union address first_bits(const union address *address, __u32 bits)
{
	union address prefix = *address;

	for (int i = 0; i < 4; i++) {
		if (!bits)
			prefix.words[i] = 0;
		else if (bits < 32)
			prefix.words[i] &= bpf_htonl(~0U << (32 - bits));
		bits = bits > 32 ? bits - 32 : 0;
	}
	return prefix;
}

/* Takes one connection out of a bucket. Returns whether there was none left. */
static __always_inline int is_empty(struct bucket *bucket, __u64 now, __u64 cost)
{
	for (int i = 0; i < LIMIT_TRIES; i++) {
		__u64 full_at = bucket->full_at, from = full_at > now ? full_at : now;

		if (from - now > LIMIT_PERIOD - cost)
			return 1;
		if (__sync_val_compare_and_swap(&bucket->full_at, full_at, from + cost) == full_at)
			return 0;
	}
	return 0;
}

/* A client begins a connection to a service (by its id): returns whether that is one too many. (A
 * function of its own, not inlined, with the address in two halves: as in clients.h.) */
__attribute__((noinline)) int exceeds_limit(__u32 service, __u32 family, __u64 first_half,
					    __u64 second_half)
{
	union address client = {
		.words = {first_half, first_half >> 32, second_half, second_half >> 32}};

	struct limit *limit = bpf_map_lookup_elem(&limits, &service);
	struct bucket_key key = {.service = service, .family = family};
	__u64 now = bpf_ktime_get_coarse_ns(), cost;
	struct bucket *bucket, first;

	if (!limit || !limit->rate)
		return 0;
	cost = LIMIT_PERIOD / limit->rate;
	key.address = first_bits(&client, limit->bits);
	bucket = bpf_map_lookup_elem(&buckets, &key);
	if (bucket)
		return is_empty(bucket, now, cost);
	first.full_at = now + cost;
	bpf_map_update_elem(&buckets, &key, &first, BPF_NOEXIST);
	return 0;
}

#endif
