/* SPDX-License-Identifier: GPL-2.0-only */
/* Where xdp_ipip's time goes: its path, step by step. Each program goes one step further than the
 * one before, and then counts and sends the packet, as it is by then. */
#define MAP_PINNING LIBBPF_PIN_NONE /* it joins the maps of xdp_ipip */
#include "../../headers/conclude.h"
#include "../../headers/ipip.h"
#include "../../headers/nexthop.h"
#include "../../headers/packet.h"
#include "../../headers/tracking.h"

enum step {
	STEP_COUNT,
	STEP_PARSE,
	STEP_SERVICE,
	STEP_SLOT,
	STEP_BACKEND,
	STEP_NEXTHOP,
	STEP_TTL,
	STEP_PUSH,
};

static __always_inline enum verdict climb(struct xdp_md *ctx, struct packet *packet, __u32 length,
					  enum step last)
{
	struct load_balancer *lb = this_load_balancer();
	struct service *service;
	struct backend *backend;
	struct nexthop *hop;
	struct slot slot;
	enum parsed parsed;
	__be32 us, them;

	packet->backend = 1;
	packet->opens = 0;
	if (!lb)
		return VERDICT_BUG;
	if (last == STEP_COUNT)
		return VERDICT_FORWARDED;
	parsed = parse_packet(ctx, length, packet);
	packet->backend = 1;
	if (parsed != PARSED_FLOW)
		return VERDICT_NOT_OURS;
	if (last == STEP_PARSE)
		return VERDICT_FORWARDED;
	service = find_service(&packet->flow);
	if (!service)
		return VERDICT_NOT_OURS;
	if (last == STEP_SERVICE)
		return VERDICT_FORWARDED;
	slot = find_slot(service, &packet->flow, lb);
	packet->backend = choose_backend(packet, parsed, service, slot);
	if (last == STEP_SLOT)
		return VERDICT_FORWARDED;
	backend = usable_backend(packet->backend);
	if (!backend)
		return VERDICT_NO_BACKEND;
	if (last == STEP_BACKEND)
		return VERDICT_FORWARDED;
	us = ipv4_of(&lb->address);
	them = ipv4_of(&backend->address);
	if (find_nexthop(ctx, packet->backend, us, them, &hop) != VERDICT_FORWARDED)
		return VERDICT_NO_ROUTE;
	if (packet->ip->ttl <= 1 || packet->length + sizeof(struct iphdr) > hop->mtu)
		return VERDICT_TOO_BIG;
	if (last == STEP_NEXTHOP)
		return VERDICT_FORWARDED;
	decrement_ttl(packet->ip);
	if (last == STEP_TTL)
		return VERDICT_FORWARDED;
	return push_ipip(ctx, packet, hop, us, them) ? VERDICT_BUG : forward(ctx, hop);
}

#define PROGRAM(name, last)                                                                        \
	SEC("xdp") int name(struct xdp_md *ctx)                                                    \
	{                                                                                          \
		__u32 length = ctx->data_end - ctx->data;                                          \
		struct packet packet = {};                                                         \
                                                                                                   \
		/* else the compiler keeps its halves, which the verifier does not let it */       \
		barrier_var(length);                                                               \
		return conclude(&packet, climb(ctx, &packet, length, last), length);               \
	}

PROGRAM(step_0_count, STEP_COUNT)
PROGRAM(step_1_parse, STEP_PARSE)
PROGRAM(step_2_service, STEP_SERVICE)
PROGRAM(step_3_slot, STEP_SLOT)
PROGRAM(step_4_backend, STEP_BACKEND)
PROGRAM(step_5_nexthop, STEP_NEXTHOP)
PROGRAM(step_6_ttl, STEP_TTL)
PROGRAM(step_7_push, STEP_PUSH)

char _license[] SEC("license") = "GPL";
