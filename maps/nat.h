/* SPDX-License-Identifier: GPL-2.0-only */
/* nat: settings of xdp_nat. One entry, key 0. */
#ifndef MAPS_NAT_H
#define MAPS_NAT_H

#include "types/map.h"

/* The ports first_port ... last_port of the load balancer's own address are lent to connections.
 * Its own sockets should use others (sysctl net.ipv4.ip_local_port_range). In host byte order. */
struct nat {
	__u16 first_port;
	__u16 last_port;
	/* How long a connection may be idle, in seconds (RFC 5382, RFC 4787). */
	__u32 handshake; /* not yet answered, or not yet confirmed by the client */
	__u32 established;
	__u32 closing; /* after a RST, or a FIN from both sides */
	__u32 udp;
};

_Static_assert(sizeof(struct nat) == 20, "no padding");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nat);
	__uint(pinning, MAP_PINNING);
} nat SEC(".maps");

/* Returns the entry; NULL only if the kernel had no such map. */
static __always_inline struct nat *nat_settings(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&nat, &key);
}

#endif
