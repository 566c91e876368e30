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

/* Returns `check` mended for one 16-bit word that turned from `was` into `now`: equation 3 of
 * RFC 1624, which never yields the 0xffff that equation 4 of RFC 1141 can. */
static __always_inline __u16 checksum_replace(__u16 check, __u16 was, __u16 now)
{
	return ~checksum_fold((__u64)(__u16)~check + (__u16)~was + now);
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
	ip->check = checksum_replace(ip->check, was, *ttl_and_protocol);
}

#endif
