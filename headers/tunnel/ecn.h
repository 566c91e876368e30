/* SPDX-License-Identifier: GPL-2.0-only */
/* Congestion marks at the end of a tunnel (RFC 6040, 4.2), across families. */
#ifndef HEADERS_TUNNEL_ECN_H
#define HEADERS_TUNNEL_ECN_H

#include "pop.h"

/* The last two bits of TOS and traffic class (RFC 3168). */
#define ECN_MASK 3
#define ECN_NONE 0 /* the sender knows no ECN */
#define ECN_ECT1 1
#define ECN_ECT0 2
#define ECN_CE 3 /* congestion experienced */

static __always_inline __u8 outer_ecn(const struct tunnel *tunnel)
{
	return (tunnel->family == 4 ? tunnel->outer4->tos : ipv6_traffic_class(tunnel->outer6)) &
	       ECN_MASK;
}

static __always_inline __u8 inner_ecn(const struct tunnel *tunnel)
{
	return (tunnel->inner_family == 4 ? tunnel->inner4->tos
					  : ipv6_traffic_class(tunnel->inner6)) &
	       ECN_MASK;
}

static __always_inline void set_inner_ecn(const struct tunnel *tunnel, __u8 ecn)
{
	__u16 *first = tunnel->inner; /* with IPv4's TOS in its second byte */
	__u8 *second = (__u8 *)first + 1;
	__u16 before = *first;

	if (tunnel->inner_family == 6) {
		*second = (*second & ~(ECN_MASK << 4)) | ecn << 4;
		return;
	}
	*second = (*second & ~ECN_MASK) | ecn;
	tunnel->inner4->check =
		checksum_update(tunnel->inner4->check, checksum_delta16(before, *first));
}

/* Carries what routers have marked in the outer header over to the inner one. Returns 0, or -1 for
 * a packet that has to be dropped: that is how a sender without ECN learns of congestion. */
static __always_inline int ecn_decapsulate(const struct tunnel *tunnel)
{
	__u8 outer = outer_ecn(tunnel), inner = inner_ecn(tunnel);

	if (outer == inner || (outer != ECN_CE && outer != ECN_ECT1))
		return 0;
	if (outer == ECN_CE && inner == ECN_NONE)
		return -1;
	if (outer == ECN_CE || inner == ECN_ECT0)
		set_inner_ecn(tunnel, outer);
	return 0;
}

#endif
