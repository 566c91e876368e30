/* SPDX-License-Identifier: GPL-2.0-only */
/* decap_addresses: whom a backend's decapsulator believes. Empty: nobody. */
#ifndef MAPS_DECAP_ADDRESSES_H
#define MAPS_DECAP_ADDRESSES_H

#include "types/address.h"
#include "types/map.h"

enum decap_roles {
	DECAP_LB = 1,	/* a load balancer: may be the outer source */
	DECAP_HOST = 2, /* this host's own: may be the outer destination */
	DECAP_VIP = 4,	/* a VIP of this host: may be the inner destination */
};

struct decap_address {
	union address address;
	__u32 family; /* 4 or 6 */
};

struct decap_role {
	__u32 roles; /* enum decap_roles, or'ed */
};

_Static_assert(sizeof(struct decap_address) == 20, "no padding");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct decap_address);
	__type(value, struct decap_role);
	__uint(pinning, MAP_PINNING);
} decap_addresses SEC(".maps");

/* Returns whether `address` (IPv4, network byte order) has been given `role`. */
static __always_inline int decap_allows(__be32 address, enum decap_roles role)
{
	struct decap_address key = {.address = ipv4_address(address), .family = 4};
	struct decap_role *entry = bpf_map_lookup_elem(&decap_addresses, &key);

	return entry && (entry->roles & role);
}

#endif
