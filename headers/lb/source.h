/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a tunnel begins: the source address of the outer header, and the ports of a tunnel in UDP.
 * Network cards and routers on the way see the outer header alone. By what differs in it from flow
 * to flow, they spread the flows to one backend over their queues and paths. */
#ifndef HEADERS_LB_SOURCE_H
#define HEADERS_LB_SOURCE_H

#include "../../maps/load_balancer.h"
#include "../packet/hash.h"
#include "../packet/packet.h"
#include "../packet/tcp_udp.h"

/* Returns a mask of the last `bits` bits; all, if there are more than 32. */
static __always_inline __u32 last_bits(__u32 bits)
{
	return bits < 32 ? (1U << (bits & 31)) - 1 : ~0U;
}

/* Writes an address of the prefix that was set for outer sources: its last bits are the flow's own.
 * (Of an IPv6 address, 32 of them.) */
static __always_inline void vary_source(const struct packet *packet, const struct load_balancer *lb,
					__u8 family, union address *source)
{
	__u32 hash = flow_hash(&packet->flow, lb->hash_key);

	if (family == 4) {
		*source = lb->source;
		source->words[0] |= bpf_htonl(hash & last_bits(32 - lb->source_bits));
	} else {
		*source = lb->source6;
		source->words[3] |= bpf_htonl(hash & last_bits(128 - lb->source6_bits));
	}
}

/* Returns where a tunnel to `family` begins: our own address, or, written to *varied, one of the
 * prefix. */
static __always_inline const union address *outer_source(const struct packet *packet,
							 const struct load_balancer *lb,
							 __u8 family, union address *varied)
{
	if (!(family == 4 ? lb->source_bits : lb->source6_bits))
		return own_address(lb, family);
	vary_source(packet, lb, family, varied);
	return varied;
}

/* The ports that RFC 6335 leaves to everybody (49152 to 65535): RFC 8086 asks for one of them
 * as the source of a tunnel. No firewall takes them for the port of a known service. */
#define FIRST_DYNAMIC_PORT 0xc000

/* Returns the UDP ports of a packet's tunnel. The source port is the flow's own, and always the
 * same for it; `port` is the destination port if no other one was set. (Later fragments and packets
 * in one piece of one flow have different ones: a fragment has no ports to be hashed.) */
static __always_inline struct ports tunnel_ports(const struct packet *packet,
						 const struct load_balancer *lb, __u16 port)
{
	__u32 hash = flow_hash(&packet->flow, lb->hash_key);

	return (struct ports){
		.source = bpf_htons(FIRST_DYNAMIC_PORT | (hash & (0xffff - FIRST_DYNAMIC_PORT))),
		.destination = lb->port ? lb->port : bpf_htons(port),
	};
}

#endif
