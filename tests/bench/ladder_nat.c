/* SPDX-License-Identifier: GPL-2.0-only */
/* Where xdp_nat's time goes, for a packet of a connection that is there: its path, step by step,
 * as ladder.c has it for xdp_ipip. */
#define MAP_PINNING LIBBPF_PIN_NONE /* it joins the maps of xdp_nat */
#include "../../headers/lb/conclude.h"
#include "../../headers/lb/nexthop.h"
#include "../../headers/nat/connection.h"
#include "../../headers/nat/translate.h"
#include "../../headers/packet/link.h"
#include "../../headers/packet/parse.h"
#include "step.h"

enum step {
	STEP_PARSE,
	STEP_CONNECTION, /* its entry in conntrack: a bucket, then an element */
	STEP_SEEN,	 /* which is written */
	STEP_NEXTHOP,
	STEP_ALL,
};

static __always_inline enum verdict climb(struct packet *packet, enum step last)
{
	struct load_balancer *lb = this_load_balancer();
	struct nat *settings = nat_settings();
	const struct translation *becomes;
	struct connection *connection;
	struct connection_key key;
	struct nexthop *hop;
	struct path path;
	__u64 now;

	packet->backend = 1; /* which counts the packet in all steps but the last */
	if (!lb || !settings)
		return VERDICT_BUG;
	parse_packet(packet);
	if (packet->parsed != PARSED_FLOW)
		return VERDICT_NOT_OURS;
	if (last == STEP_PARSE)
		return VERDICT_FORWARDED;
	key = key_of(&packet->flow);
	now = bpf_ktime_get_coarse_ns();
	connection = find_entry(&key);
	if (!connection || !is_fresh(connection, settings, key.protocol, now))
		return VERDICT_NO_CONNECTION;
	if (last == STEP_CONNECTION)
		return VERDICT_FORWARDED;
	becomes = &connection->translation;
	connection->seen = now;
	if (last == STEP_SEEN)
		return VERDICT_FORWARDED;
	path = (struct path){&becomes->source, &becomes->destination, 4};
	if (find_nexthop(packet, lb, becomes->backend, &path, &hop) != VERDICT_GO_ON ||
	    hop_limit(packet) <= 1 || packet->length > hop->mtu)
		return VERDICT_NO_ROUTE;
	if (last == STEP_NEXTHOP)
		return VERDICT_FORWARDED;
	packet->backend = becomes->backend;
	decrement_hop_limit(packet);
	if (translate(packet, becomes) || rewrite_l2(packet, hop, 0, 4) < 0)
		return VERDICT_BUG;
	return forward(packet, hop);
}

PROGRAM(step_1_parse, STEP_PARSE)
PROGRAM(step_2_connection, STEP_CONNECTION)
PROGRAM(step_3_seen, STEP_SEEN)
PROGRAM(step_4_nexthop, STEP_NEXTHOP)
PROGRAM(step_5_all, STEP_ALL)

char _license[] SEC("license") = "GPL";
