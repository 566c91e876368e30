/* SPDX-License-Identifier: GPL-2.0-only */
/* backends: the real servers, by id. One id per pair of service and real server; 0 is nobody. */
#ifndef MAPS_BACKENDS_H
#define MAPS_BACKENDS_H

#include "types/address.h"
#include "types/map.h"

#ifndef MAX_BACKENDS
#define MAX_BACKENDS 32768 /* ids 1 ... 32767 */
#endif

/* What a person has set. */
enum backend_state {
	BACKEND_FREE = 0, /* this id is nobody's */
	BACKEND_UP = 1,
	BACKEND_DOWN = 2, /* gets nothing at all, not even packets of old connections */
};

/* What checks have found (scripts/lb watch). A failed one gets nothing, as one that is down. */
enum backend_health {
	HEALTH_UNCHECKED = 0, /* not (yet): it gets its share */
	HEALTH_HEALTHY = 1,
	HEALTH_FAILED = 2,
};

enum backend_flags {
	/* Nobody better is left: it gets packets although it has failed, or drains (then its weight
	 * counts as 1). */
	BACKEND_LAST_RESORT = 1,
	BACKEND_FALLBACK = 2, /* the service's fallback: gets packets as the last resort only */
	BACKEND_LOCAL = 4,    /* its address is one of this machine (the FIB cannot tell such an
			       * address from one without a route) */
	BACKEND_LISTED = 8,   /* its service is SERVICE_LISTED */
};

struct backend {
	union address address;
	__be16 port;   /* where the server listens; DSR modes leave the port alone */
	__u8 family;   /* 4 or 6 */
	__u8 state;    /* enum backend_state */
	__u16 weight;  /* its share of the slots; 0: no new connections, it drains */
	__u8 health;   /* enum backend_health */
	__u8 flags;    /* enum backend_flags */
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

/* Returns whether a backend can take packets now. */
static __always_inline int is_usable(const struct backend *backend)
{
	return backend->state == BACKEND_UP &&
	       (backend->health != HEALTH_FAILED || backend->flags & BACKEND_LAST_RESORT);
}

/* Returns the backend with this id if it can take packets now, or NULL. */
static __always_inline struct backend *usable_backend(__u32 id)
{
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);

	return backend && is_usable(backend) ? backend : NULL;
}

#endif
