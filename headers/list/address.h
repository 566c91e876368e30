/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses of both families in a list. */
#ifndef HEADERS_LIST_ADDRESS_H
#define HEADERS_LIST_ADDRESS_H

#include <bpf/bpf_endian.h>

#include "../../maps/types/address.h"
#include "element.h"

/* Returns the i-th of the 8 numbers of 16 bits that an IPv6 address is written with. */
static __always_inline __u16 group_of(const union address *address, __u32 i)
{
	return address->octets[2 * i] << 8 | address->octets[2 * i + 1];
}

/* Prints an IPv6 address as in RFC 5952: no leading zeros, and :: for the longest run of zeros that
 * is longer than one. So it is the text that scripts/lb has for it. (In BPF, "%pI6c" prints all
 * zeros.) A function of its own: it is called several times for a line. */
static __noinline void print_ipv6(struct seq_file *list, const union address *address)
{
	__u32 first = 0, zeros = 1, run = 0;

	for (__u32 i = 0; i < 8; i++) {
		run = group_of(address, i) ? 0 : run + 1;
		if (run > zeros) {
			zeros = run;
			first = i + 1 - run;
		}
	}
	for (__u32 i = 0; i < 8; i++) {
		if (zeros == 1 || i < first || i >= first + zeros) {
			BPF_SEQ_PRINTF(list, "%x", group_of(address, i));
			bpf_seq_write(list, ":", i < 7);
		} else if (i == first) {
			bpf_seq_write(list, "::", i ? 1 : 2);
		}
	}
}

/* Prints an address of a family, 4 or 6. */
static __always_inline void print_address(struct seq_file *list, const union address *address,
					  __u8 family)
{
	if (family == 6)
		print_ipv6(list, address);
	else
		BPF_SEQ_PRINTF(list, "%pI4", address);
}

#endif
