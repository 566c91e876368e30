/* SPDX-License-Identifier: GPL-2.0-only */
/* nat_events: what became of connections (stats says what became of packets). */
#ifndef MAPS_NAT_EVENTS_H
#define MAPS_NAT_EVENTS_H

#include "types/counter.h"

/* The names are shown by `scripts/lb nat stats`, in lower case and without the prefix. */
enum nat_event {
	NAT_STARTED,	   /* a first packet got a port ... */
	NAT_PORT_KEPT,	   /* ... that of the client */
	NAT_PORT_REPLACED, /* ... or another one */
	NAT_ESTABLISHED,   /* confirmed: it moved to conntrack */
	NAT_FREED,	   /* it left conntrack: closed, or idle for too long */
	NAT_EVENTS,
};

MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NAT_EVENTS);
	__type(key, __u32);
	__type(value, struct counter); /* bytes stay 0 */
	__uint(pinning, MAP_PINNING);
} nat_events SEC(".maps");

#endif
