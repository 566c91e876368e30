/* SPDX-License-Identifier: GPL-2.0-only */
/* conntrack6: what conntrack.h has for IPv4 packets, for those of IPv6. */
#ifndef MAPS_CONNTRACK6_H
#define MAPS_CONNTRACK6_H

#include "conntrack.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * MAX_CONNECTIONS);
	__type(key, struct connection_key);
	__type(value, struct connection);
	__uint(pinning, MAP_PINNING);
} conntrack6 SEC(".maps");

#endif
