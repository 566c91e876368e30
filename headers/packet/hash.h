/* SPDX-License-Identifier: GPL-2.0-only */
/* The flow hash: which slot a flow belongs to. */
#ifndef HEADERS_PACKET_HASH_H
#define HEADERS_PACKET_HASH_H

#include "packet.h"

/* Returns 32 well-mixed bits for a flow. Without the key nobody can tell which flows collide.
 *
 * The pair-multiply step is NH (Black et al., "UMAC", CRYPTO 1999): two different flows of one key
 * agree in it with a probability of about 2^-32. The finish is the 64-bit finalizer of MurmurHash3
 * (A. Appleby): every bit of the sum affects every bit of the result, so that ports that only count
 * up spread as evenly as random ones. */
static __always_inline __u32 flow_hash(const struct flow *flow, const __u32 key[8])
{
	__u32 ports = (__u32)flow->client_port << 16 | flow->vip_port;
	__u64 h = (__u64)key[4] << 32 | key[5];

	h += (__u64)(__u32)(flow->client + key[0]) * (__u32)(ports + key[1]);
	h += (__u64)(__u32)(flow->vip + key[2]) * (__u32)(flow->protocol + key[3]);

	h ^= h >> 33;
	h *= 0xff51afd7ed558ccd;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53;
	return h >> 32;
}

/* Maps 32 hash bits evenly to 0 ... n-1, with a multiplication, no division (D. Lemire, "Fast
 * random integer generation in an interval", 2019). */
static __always_inline __u32 scale(__u32 hash, __u32 n)
{
	return (__u64)hash * n >> 32;
}

/* Spreads similar values (neighbouring addresses, for example) over 0 ... n-1, cheaply: for caches,
 * where a collision does no harm. (D. Knuth's multiplicative hash.) */
static __always_inline __u32 spread(__u32 value, __u32 n)
{
	return scale(value * 0x9e3779b1U, n);
}

#endif
