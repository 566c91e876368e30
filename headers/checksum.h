/* SPDX-License-Identifier: GPL-2.0-only */
/* The Internet checksum (RFC 1071), and how to mend one after a change (RFC 1624). Sums are taken
 * over 16-bit words as they lie in memory; the result may be stored as it is (__sum16). */
#ifndef HEADERS_CHECKSUM_H
#define HEADERS_CHECKSUM_H

#include <linux/ip.h>
#include <linux/types.h>

/* Folds the carries of a sum into 16 bits. */
static __always_inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* A change to be made in checksums: what the turn of a word from `was` into `now` adds to the sum.
 * Changes of several words are added up, and then made in one step (RFC 1624, equation 3). */
static __always_inline __u64 checksum_change(__u32 was, __u32 now)
{
	return (__u64)(__u32)~was + now;
}

static __always_inline __u64 checksum_change16(__u16 was, __u16 now)
{
	return (__u16)~was + now;
}

/* Returns `check` mended for a change. */
static __always_inline __u16 checksum_mend(__u16 check, __u64 change)
{
	return ~checksum_fold((__u64)(__u16)~check + change);
}

/* Returns the checksum of an IPv4 header without options, whose own check field counts as 0. */
static __always_inline __u16 ipv4_checksum(const struct iphdr *ip)
{
	const __u16 *words = (const void *)ip;
	__u64 sum = 0;

	for (int i = 0; i < (int)(sizeof(*ip) / sizeof(*words)); i++)
		sum += i == 5 ? 0 : words[i]; /* word 5 is the check field */
	return ~checksum_fold(sum);
}

/* A router takes one hop off a packet's TTL, and mends its checksum. The caller has made sure that
 * the TTL is above 1. */
static __always_inline void decrement_ttl(struct iphdr *ip)
{
	__u16 *ttl_and_protocol = (void *)&ip->ttl;
	__u16 was = *ttl_and_protocol;

	ip->ttl--;
	ip->check = checksum_mend(ip->check, checksum_change16(was, *ttl_and_protocol));
}

#endif
