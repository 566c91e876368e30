/* SPDX-License-Identifier: GPL-2.0-only */
/* The flow hash: which slot a flow belongs to. */
#ifndef HEADERS_PACKET_HASH_H
#define HEADERS_PACKET_HASH_H

#include "packet.h"

/* The finish is the 64-bit finalizer of MurmurHash3 (A. Appleby): every bit of the sum affects
 * every bit of the result, so that ports that only count up spread as evenly as random ones. */
static __always_inline __u64 mix(__u64 h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccd;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53;
	return h;
}

/* One step of NH (Black et al., "UMAC", CRYPTO 1999): two different inputs of one key agree in a
 * sum of such products with a probability of about 2^-32. */
static __always_inline __u64 product(__u32 a, __u32 b, const __u32 *key)
{
	return (__u64)(__u32)(a + key[0]) * (__u32)(b + key[1]);
}

/* Returns 32 well-mixed bits for a flow. Without the key nobody can tell which flows collide. An
 * IPv6 flow is longer than the key: its addresses are hashed first, and its ports with that. */
static __always_inline __u32 flow_hash(const struct flow *flow, const __u32 key[8])
{
	__u32 ports = (__u32)flow->client_port << 16 | flow->vip_port;
	const __be32 *client = flow->client.words, *vip = flow->vip.words;
	__u64 h = (__u64)key[4] << 32 | key[5];

	if (flow->family == 4) {
		h += product(client[0], ports, key);
		h += product(vip[0], flow->protocol, key + 2);
	} else {
		h += mix(product(client[0], client[1], key) +
			 product(client[2], client[3], key + 2) + product(vip[0], vip[1], key + 4) +
			 product(vip[2], vip[3], key + 6));
		h += product(flow->protocol, ports, key);
	}
	return mix(h) >> 32;
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

/* Returns 32 bits of an address for spread(). */
static __always_inline __u32 fold(const union address *address, __u8 family)
{
	return family == 4 ? address->words[0]
			   : address->words[0] ^ address->words[1] ^ address->words[2] * 3 ^
				     address->words[3] * 5;
}

#endif
