/* SPDX-License-Identifier: GPL-2.0-only */
/* The Internet checksum (RFC 1071), and how to update one without reading the data again (RFC
 * 1624). Sums are taken over 16-bit words as they lie in memory; the result may be stored as it is
 * (__sum16). */
#ifndef HEADERS_PACKET_CHECKSUM_H
#define HEADERS_PACKET_CHECKSUM_H

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

/* Returns the delta of a word that was `before` and is `after`: what it adds to the sum. Deltas of
 * several words are added up, and a checksum is updated with them in one step (RFC 1624,
 * equation 3). */
static __always_inline __u64 checksum_delta(__u32 before, __u32 after)
{
	return (__u64)(__u32)~before + after;
}

static __always_inline __u64 checksum_delta16(__u16 before, __u16 after)
{
	return (__u16)~before + after;
}

/* Returns `check`, updated with a delta. */
static __always_inline __u16 checksum_update(__u16 check, __u64 delta)
{
	return ~checksum_fold((__u64)(__u16)~check + delta);
}

#endif
