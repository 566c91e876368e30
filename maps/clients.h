/* SPDX-License-Identifier: GPL-2.0-only */
/* clients: who may use a service, and who may not: prefixes of clients' addresses, by service. The
 * longest one that a client is in decides. A client in none of them may. */
#ifndef MAPS_CLIENTS_H
#define MAPS_CLIENTS_H

#include "types/address.h"
#include "types/map.h"

#define MAX_CLIENTS 16384 /* prefixes, of all services */

enum client_rule {
	CLIENT_UNKNOWN = 0, /* there is no such prefix (any more) */
	CLIENT_ALLOW = 1,
	CLIENT_DENY = 2,
};

/* The key of a trie: an entry is for all clients whose first bits are its own. */
struct client_key {
	__u32 bits; /* how many from `service` on: CLIENT_KEY_BITS, and the length of the prefix */
	__u16 service; /* id */
	__u8 family;   /* 4 or 6 */
	__u8 unused;
	union address address;
};

#define CLIENT_KEY_BITS 32 /* of service and family, which are always looked at */

struct client_entry {
	__u32 rule; /* enum client_rule */
};

_Static_assert(sizeof(struct client_key) == 24, "no padding");

/* Twice as large as it has to be: Linux 6.1 counts an entry that it replaces as a new one. */
MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * MAX_CLIENTS);
	__type(key, struct client_key);
	__type(value, struct client_entry);
	__uint(pinning, MAP_PINNING);
} clients SEC(".maps");

#endif
