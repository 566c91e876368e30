/* SPDX-License-Identifier: GPL-2.0-only */
/* Who may use a service? Looked at for packets of services that say so alone. */
#ifndef HEADERS_LB_CLIENTS_H
#define HEADERS_LB_CLIENTS_H

#include "../../maps/clients.h"

/* Returns whether a service (by its id) denies a client: by the longest prefix that it is in. */
static __always_inline int denies(__u32 service, const union address *client, __u8 family)
{
	struct client_key key = {
		.bits = CLIENT_KEY_BITS + (family == 4 ? 32 : 128),
		.service = service,
		.family = family,
		.address = *client,
	};
	struct client_entry *entry = bpf_map_lookup_elem(&clients, &key);

	return entry && entry->rule == CLIENT_DENY;
}

#endif
