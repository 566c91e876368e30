/* SPDX-License-Identifier: GPL-2.0-only */
/* Who may use a service? Looked at for packets of services that say so alone. */
#ifndef HEADERS_LB_CLIENTS_H
#define HEADERS_LB_CLIENTS_H

#include "../../maps/clients.h"

/* See denies(). (A function of its own, not inlined: its key is on its own stack then. The address
 * comes in two halves, because a copy of it would be on the stack of whoever asks.) */
__attribute__((noinline)) int list_denies(__u32 service, __u32 family, __u64 first, __u64 second)
{
	struct client_key key = {
		.bits = CLIENT_KEY_BITS + (family == 4 ? 32 : 128),
		.service = service,
		.family = family,
		.address.words = {first, first >> 32, second, second >> 32},
	};
	struct client_entry *entry = bpf_map_lookup_elem(&clients, &key);

	return entry && entry->rule == CLIENT_DENY;
}

static __always_inline __u64 half(const union address *address, int from)
{
	return address->words[from] | (__u64)address->words[from + 1] << 32;
}

/* Returns whether a service (by its id) denies a client: by the longest prefix that it is in. */
static __always_inline int denies(__u32 service, const union address *client, __u8 family)
{
	return list_denies(service, family, half(client, 0), half(client, 2));
}

#endif
