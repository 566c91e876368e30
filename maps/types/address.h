/* SPDX-License-Identifier: GPL-2.0-only */
/* An IP address as it stands in the maps: 16 bytes, network byte order. IPv4 sits in the first
 * four, the rest is zero, so that a person can type one: 192 168 178 15 0 0 0 0 0 0 0 0 0 0 0 0.
 * A field beside it says which family it is: 4 or 6, the IP version. */
#ifndef MAPS_TYPES_ADDRESS_H
#define MAPS_TYPES_ADDRESS_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

union address {
	__u8 octets[16];
	__be32 words[4];
};

_Static_assert(sizeof(union address) == 16, "16 bytes, as maps/bytes.sh writes them");

/* Returns the 16 bytes for an IPv4 address. All of them: what an initializer of a shorter union
 * member leaves alone would make every lookup miss. */
static __always_inline union address ipv4_address(__be32 address)
{
	return (union address){.words = {address}};
}

/* Returns whether two addresses of one family are the same. */
static __always_inline int same_address(const union address *a, const union address *b, __u8 family)
{
	return a->words[0] == b->words[0] &&
	       (family == 4 || (a->words[1] == b->words[1] && a->words[2] == b->words[2] &&
				a->words[3] == b->words[3]));
}

/* Returns whether nobody has set this address: it is 0.0.0.0 or ::. */
static __always_inline int is_unset(const union address *address, __u8 family)
{
	if (family == 4)
		return !address->words[0];
	return !(address->words[0] | address->words[1] | address->words[2] | address->words[3]);
}

/* Returns the IPv4 address in the 16 bytes, in network byte order. */
static __always_inline __be32 ipv4_of(const union address *address)
{
	return address->words[0];
}

#endif
