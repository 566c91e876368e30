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
#include "verdict.h"

/* Returns an address of the prefix that was set for outer sources: its last bits are the flow's
 * own. (Of an IPv6 address, 32 of them.) */
static __always_inline union address varied_source(const struct packet *packet,
						   const struct load_balancer *lb, __u8 family)
{
	union address source = family == 4 ? lb->source : lb->source6;
	__u32 bits = family == 4 ? lb->source_bits : lb->source6_bits;
	__u32 host_bits = (family == 4 ? 32 : 128) - bits;
	__u32 mask = host_bits < 32 ? (1U << (host_bits & 31)) - 1 : ~0U;

	source.words[family == 4 ? 0 : 3] |=
		bpf_htonl(flow_hash(&packet->flow, lb->hash_key) & mask);
	return source;
}

/* Sets `source` to where a tunnel to `family` begins: our own address, or one of the prefix.
 * Returns VERDICT_GO_ON, or VERDICT_NO_ADDRESS. */
static __always_inline enum verdict choose_source(const struct packet *packet,
						  const struct load_balancer *lb, __u8 family,
						  union address *source)
{
	if (family == 4 ? lb->source_bits : lb->source6_bits)
		*source = varied_source(packet, lb, family);
	else
		*source = *own_address(lb, family);
	return is_unset(source) ? VERDICT_NO_ADDRESS : VERDICT_GO_ON;
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
