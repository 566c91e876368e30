/* SPDX-License-Identifier: GPL-2.0-only */
/* flows: connections of xdp_ipip and xdp_l2dsr whose slot is in transition, and their backend. As
 * long as no backend comes or goes, there are none. */
#ifndef MAPS_FLOWS_H
#define MAPS_FLOWS_H

#include <linux/in.h>

#include "backends.h"
#include "types/connection_key.h"
#include "types/map.h"
#include "services.h"

#ifndef MAX_FLOWS
#define MAX_FLOWS 262144
#endif

struct tracked_flow {
	__u32 backend; /* id */
	__u32 closing; /* 1 after a FIN or RST of the client */
	__u64 seen;    /* when its last packet came: ns since boot */
};

_Static_assert(sizeof(struct tracked_flow) == 16, "no padding");

MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_FLOWS);
	__type(key, struct connection_key); /* as the client sends */
	__type(value, struct tracked_flow);
	__uint(pinning, MAP_PINNING);
} flows SEC(".maps");

/* How long a flow is remembered after its last packet (RFC 5382, RFC 4787): in ns. */
#define FLOW_IDLE_TCP 7440000000000ULL
#define FLOW_IDLE_CLOSING 240000000000ULL
#define FLOW_IDLE_UDP 300000000000ULL

static __always_inline __u64 idle_time(const struct connection_key *key,
				       const struct tracked_flow *flow)
{
	return key->protocol == IPPROTO_UDP ? FLOW_IDLE_UDP
	       : flow->closing		    ? FLOW_IDLE_CLOSING
					    : FLOW_IDLE_TCP;
}

/* Returns whether a flow goes on, on a backend of this service that can take it. */
static __always_inline int is_alive(const struct connection_key *key,
				    const struct tracked_flow *flow, const struct service *service,
				    __u64 now)
{
	struct backend *backend = usable_backend(flow->backend);

	return backend && backend->service == service->id &&
	       now < flow->seen + idle_time(key, flow);
}

#endif
