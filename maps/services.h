/* SPDX-License-Identifier: GPL-2.0-only */
/* services: what this load balancer serves. Address, port and protocol -> a region of slots. */
#ifndef MAPS_SERVICES_H
#define MAPS_SERVICES_H

#include "types/address.h"
#include "types/map.h"

/* Port 0 is every port that no other service has. With protocol 0 too it is the VIP itself: it
 * tells the programs that packets whose ports cannot be read (later fragments, broken headers) are
 * meant for a service of ours. The map destinations has to count the VIP too, or no packet is
 * looked up here. */
struct service_key {
	union address address;
	__be16 port;
	__u8 protocol; /* IPPROTO_TCP 6, IPPROTO_UDP 17 */
	__u8 family;   /* 4 or 6. It also fills what would be padding: padding holds stack bytes, */
		       /* which make every lookup miss */
};

enum service_flags {
	SERVICE_STICKY = 1,   /* all flows of a client's address go to the same backend */
	SERVICE_HASH = 2,     /* xdp_maglev fills the slots in turns, as `hash % n` does */
	SERVICE_SIZED = 4,    /* a person has said how many slots; else lb does, by its backends */
	SERVICE_STRICT = 8,   /* if all backends have failed, none of them gets anything */
	SERVICE_LISTED = 16,  /* not everybody may use it: the map clients says who */
	SERVICE_LIMITED = 32, /* the map limits says how many new connections it takes */
};

struct service {
	__u32 id;    /* a backend carries the id of its service; 0 is nobody's */
	__u32 first; /* the service's slots are slots[first] ... slots[first + slots - 1] */
	__u32 slots;
	__u8 flags;    /* enum service_flags */
	__u8 id_bytes; /* QUIC: how many bytes its server ids have; 0: it is not QUIC */
	__u16 need;    /* with fewer healthy backends, it counts as failed; 0: one is enough */
	/* Until then, an unknown flow on a slot in transition belongs to the slot's old backend:
	 * ns since boot. */
	__u64 learns_until;
};

_Static_assert(sizeof(struct service_key) == 20, "no padding");
_Static_assert(sizeof(struct service) == 24, "no padding");

/* Not preallocated: then an update puts a new element in place of the old one, and never changes an
 * element that a packet is just reading. */
MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192); /* 4096 services, each with a VIP of its own */
	__type(key, struct service_key);
	__type(value, struct service);
	__uint(pinning, MAP_PINNING);
} services SEC(".maps");

#endif
