/* SPDX-License-Identifier: GPL-2.0-only */
/* Where xdp_ipip's time goes: its path, step by step. Each program goes one step further than the
 * one before, and then counts the packet and sends it as it is. There is a step for each map that a
 * packet looks into, so that on cold frames one sees what each of them costs. */
#define MAP_PINNING LIBBPF_PIN_NONE /* it joins the maps of xdp_ipip */
#include "../../headers/lb/backend.h"
#include "../../headers/lb/conclude.h"
#include "../../headers/lb/nexthop.h"
#include "../../headers/packet/parse.h"
#include "../../headers/tunnel/ipip.h"
#include "step.h"

enum step {
	STEP_COUNT,
	STEP_PARSE,
	STEP_DESTINATION,
	STEP_SERVICE,
	STEP_SLOT,
	STEP_BACKEND,
	STEP_NEXTHOP,
	STEP_TTL,
	STEP_PUSH,
	STEP_ALL, /* the backend's counter, too */
};

static __always_inline enum verdict climb(struct packet *packet, enum step last)
{
	struct load_balancer *lb = this_load_balancer();
	struct path outer;
	struct service *service;
	struct backend *backend;
	struct nexthop *hop;
	struct slot slot;
	__u32 id;

	packet->backend = 1; /* which counts the packet in all steps but the last */
	if (!lb)
		return VERDICT_BUG;
	if (last == STEP_COUNT)
		return VERDICT_FORWARDED;
	parse_packet(packet);
	if (packet->parsed != PARSED_FLOW)
		return VERDICT_NOT_OURS;
	if (last == STEP_PARSE)
		return VERDICT_FORWARDED;
	if (!may_be_ours(&packet->flow.vip, packet->flow.family))
		return VERDICT_NOT_OURS;
	if (last == STEP_DESTINATION)
		return VERDICT_FORWARDED;
	service = find_service(&packet->flow);
	if (!service)
		return VERDICT_NOT_OURS;
	if (last == STEP_SERVICE)
		return VERDICT_FORWARDED;
	slot = find_slot(service, &packet->flow, lb);
	id = choose_backend(packet, service, slot);
	if (last == STEP_SLOT)
		return VERDICT_FORWARDED;
	backend = usable_backend(id);
	if (!backend)
		return VERDICT_NO_BACKEND;
	if (last == STEP_BACKEND)
		return VERDICT_FORWARDED;
	outer = (struct path){&lb->address, &backend->address, 4};
	if (find_nexthop(packet, lb, id, &outer, &hop) != VERDICT_GO_ON)
		return VERDICT_NO_ROUTE;
	if (hop_limit(packet) <= 1 || packet->length + ip_length(4) + IPIP_OVERHEAD > hop->mtu)
		return VERDICT_TOO_BIG;
	if (last == STEP_NEXTHOP)
		return VERDICT_FORWARDED;
	decrement_hop_limit(packet);
	if (last == STEP_TTL)
		return VERDICT_FORWARDED;
	if (push_ipip(packet, hop, &outer))
		return VERDICT_BUG;
	if (last == STEP_ALL)
		packet->backend = id;
	return forward(packet, hop);
}

PROGRAM(step_0_count, STEP_COUNT)
PROGRAM(step_1_parse, STEP_PARSE)
PROGRAM(step_2_destination, STEP_DESTINATION)
PROGRAM(step_3_service, STEP_SERVICE)
PROGRAM(step_4_slot, STEP_SLOT)
PROGRAM(step_5_backend, STEP_BACKEND)
PROGRAM(step_6_nexthop, STEP_NEXTHOP)
PROGRAM(step_7_ttl, STEP_TTL)
PROGRAM(step_8_push, STEP_PUSH)
PROGRAM(step_9_all, STEP_ALL)

char _license[] SEC("license") = "GPL";
