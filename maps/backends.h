/* SPDX-License-Identifier: GPL-2.0-only */
/* backends: the real servers, by id. One id per pair of service and real server; 0 is nobody. */
#ifndef MAPS_BACKENDS_H
#define MAPS_BACKENDS_H

#include "types/address.h"
#include "types/map.h"

#ifndef MAX_BACKENDS
#define MAX_BACKENDS 32768 /* ids 1 ... 32767 */
#endif

enum backend_state {
	BACKEND_FREE = 0, /* this id is nobody's */
	BACKEND_UP = 1,
	BACKEND_DOWN = 2, /* gets nothing at all, not even packets of old connections */
};

struct backend {
	union address address;
	__be16 port;   /* where the server listens; DSR modes leave the port alone */
	__u8 family;   /* 4 or 6 */
	__u8 state;    /* enum backend_state */
	__u32 weight;  /* its share of the slots; 0: no new connections, it drains */
	__u32 service; /* id of the service that it serves */
};

_Static_assert(sizeof(struct backend) == 28, "no padding");

MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct backend);
	__uint(pinning, MAP_PINNING);
} backends SEC(".maps");

/* Returns the backend with this id if it can take packets now, or NULL. */
static __always_inline struct backend *usable_backend(__u32 id)
{
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);

	return backend && backend->state == BACKEND_UP ? backend : NULL;
}

#endif
