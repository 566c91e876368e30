/* SPDX-License-Identifier: GPL-2.0-only */
/* explanation: what xdp_why says of a packet, in front of it. It is no map, but kernel and shell
 * have to agree on it in the same way. */
#ifndef MAPS_EXPLANATION_H
#define MAPS_EXPLANATION_H

#include "connection_key.h"

/* What the programs remember of a packet's flow. */
enum memory {
	MEMORY_NONE,
	MEMORY_NEW_FLOW,   /* of its flow, one packet was seen */
	MEMORY_FLOW,	   /* of its flow, more than one */
	MEMORY_FRAGMENT,   /* of its first fragment: where it went */
	MEMORY_CONNECTION, /* NAT: its connection */
	MEMORY_SERVER_ID,  /* nothing: its QUIC connection id names a backend */
};

struct explanation {
	struct connection_key flow; /* as the client sends it */
	__u32 parsed;		    /* enum parsed (headers/packet/packet.h) */
	__u32 is_vip;		    /* 1: some service has this destination address */
	__u32 service;		    /* id; 0: none */
	__u32 hash;		    /* of the flow */
	__u32 slot;		    /* which one of the service's */
	__u16 now;		    /* the slot's backend: id */
	__u16 was;		    /* see maps/slots.h */
	__u32 memory;		    /* enum memory, */
	__u32 backend;		    /* and whose it is: id; 0: the kernel's */
	__u32 probe;		    /* 1: a health check; `backend` is the one that is checked */
	__u32 opens;		    /* 1: a TCP SYN, or QUIC whose id is the client's */
};

_Static_assert(sizeof(struct explanation) == 80, "no padding");

#endif
