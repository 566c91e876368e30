/* SPDX-License-Identifier: GPL-2.0-only */
/* decap_addresses: whom a backend's decapsulator believes, and which tunnels it takes. Empty:
 * nobody. */
#ifndef MAPS_DECAP_ADDRESSES_H
#define MAPS_DECAP_ADDRESSES_H

#include "types/address.h"
#include "types/map.h"

enum decap_role {
	DECAP_LB = 1,	/* a load balancer: may be the outer source */
	DECAP_HOST = 2, /* this host's own: may be the outer destination */
	DECAP_VIP = 4,	/* a VIP of this host: may be the inner destination */
};

enum decap_tunnels {
	DECAP_IPIP = 1,
	DECAP_GRE = 2,
	DECAP_FOU = 4,
	DECAP_GUE = 8,
};

/* The key of a trie: an entry is for all addresses whose first bits are its own. */
struct decap_key {
	__u32 bits;  /* how many from `role` on: DECAP_KEY_BITS, and the length of the prefix */
	__u8 role;   /* enum decap_role */
	__u8 family; /* 4 or 6 */
	__u8 unused[2];
	union address address;
};

#define DECAP_KEY_BITS 32 /* of role and family, which are always looked at */

/* Of role DECAP_HOST: what comes to this address. The others have zeros. */
struct decap_entry {
	__u8 tunnels; /* enum decap_tunnels, or'ed */
	__u8 unused;
	__be16 fou_port; /* UDP destination ports */
	__be16 gue_port;
	__u8 unused2[2];
};

_Static_assert(sizeof(struct decap_key) == 24, "no padding");
_Static_assert(sizeof(struct decap_entry) == 8, "no padding");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct decap_key);
	__type(value, struct decap_entry);
	__uint(pinning, MAP_PINNING);
} decap_addresses SEC(".maps");

/* Returns the entry that gives `role` to an address of a family, or NULL. */
static __always_inline struct decap_entry *decap_allows(const union address *address, __u8 family,
							enum decap_role role)
{
	struct decap_key key = {
		.bits = DECAP_KEY_BITS + (family == 4 ? 32 : 128),
		.role = role,
		.family = family,
		.address = *address,
	};

	return bpf_map_lookup_elem(&decap_addresses, &key);
}

#endif
