/* SPDX-License-Identifier: GPL-2.0-only */
/* Health checks take the packet's own road. They come from a network namespace of scripts/lb watch,
 * through a device that belongs to it alone (load_balancer.probe_device), and look like a client's
 * packets: from our own address, to the VIP. Only the backend is not chosen by the hash, but by
 * the port that they come from (maps/probes.h). The backend answers to our own address; those
 * answers go back through that device.
 *
 *   watch -- probe device --> as any packet --> backend
 *   watch <-- probe device -- our address, a port of a probe <-- from the VIP -- backend
 */
#ifndef HEADERS_LB_PROBE_H
#define HEADERS_LB_PROBE_H

#include <bpf/bpf_endian.h>

#include "../../maps/load_balancer.h"
#include "../../maps/probes.h"
#include "../packet/link.h"
#include "../packet/packet.h"
#include "services.h"
#include "verdict.h"

/* MAC address of watch's end of the device (scripts/lib/probes.sh gives it this one): answers have
 * it as their destination. (Each version of clang-format has its own idea of such braces.) */
/* clang-format off */
#define PROBE_MAC {0x02, 'l', 'b', 'p', 'r', 'b'}
/* clang-format on */

static __always_inline int is_probe(const struct packet *packet, const struct load_balancer *lb)
{
	return packet->ctx->ingress_ifindex == lb->probe_device;
}

/* Returns the number of the probe that has this port (network byte order), or MAX_PROBES. */
static __always_inline __u32 probe_of(__be16 port)
{
	__u32 number = bpf_ntohs(port) - FIRST_PROBE_PORT;

	return number < MAX_PROBES * PROBE_PORTS ? number / PROBE_PORTS : MAX_PROBES;
}

/* Returns the id of the backend that a probe is for; 0: nobody. */
static __always_inline __u32 probed_backend(const struct packet *packet)
{
	__u32 number = probe_of(packet->flow.client_port);
	__u32 *backend = bpf_map_lookup_elem(&probes, &number);

	return backend ? *backend : 0;
}

/* A packet to our own address and for no service: if it is a backend's answer to a probe, it goes
 * to watch. Returns VERDICT_PROBE_ANSWER, or VERDICT_NOT_OURS. */
static __always_inline enum verdict return_answer(const struct packet *packet,
						  const struct load_balancer *lb)
{
	struct nexthop watch = {.destination = PROBE_MAC, .source = PROBE_MAC};
	__u8 family = packet->flow.family;

	if (!lb->probe_device || probe_of(packet->flow.vip_port) == MAX_PROBES ||
	    !same_address(&packet->flow.vip, own_address(lb, family), family) ||
	    !is_vip(packet->flow.client, family))
		return VERDICT_NOT_OURS;
	/* clang 14 drops stores of a MAC address that it knows: so it must not know this one. */
	asm volatile("" : : "r"(&watch) : "memory");
	if (rewrite_l2(packet, &watch, 0, family) < 0 ||
	    bpf_redirect(lb->probe_device, 0) != XDP_REDIRECT)
		return VERDICT_BUG;
	return VERDICT_PROBE_ANSWER;
}

#endif
