/* SPDX-License-Identifier: GPL-2.0-only */
/* When is a connection of xdp_nat over, that has said nothing for long? */
#ifndef HEADERS_NAT_IDLE_H
#define HEADERS_NAT_IDLE_H

#include <linux/in.h>

#include "../../maps/nat.h"
#include "entries.h"

#define SECOND 1000000000ULL /* ns */

/* Returns for how many seconds a connection may be idle, unless it is closing. */
static __always_inline __u32 idle_limit(const struct nat *settings, __u8 protocol)
{
	return protocol == IPPROTO_UDP ? settings->udp : settings->established;
}

/* Returns whether a connection, of which these are the two entries, has been idle for too long. */
static __always_inline int is_over(const struct nat *settings, __u64 now, __u8 protocol,
				   const struct connection *one, const struct connection *other)
{
	__u64 seen = one->seen > other->seen ? one->seen : other->seen;
	__u64 idle = protocol != IPPROTO_UDP && one->closing ? settings->closing
							     : idle_limit(settings, protocol);

	return now > seen + idle * SECOND;
}

#endif
