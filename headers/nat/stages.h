/* SPDX-License-Identifier: GPL-2.0-only */
/* The stages of xdp_nat. All functions that call each other share a stack of 512 bytes, and what is
 * done for rare packets needs most of it. So the program is in parts that do not call each other,
 * but are called one after the other:
 *
 *   handle_in_stages()   every packet; most of them are for nobody here
 *   main_stage()   the others: balance(), as in every program
 *   settle()       only if its connection is not open for sure; then main_stage() once more
 *   cross()        only if the packet goes over to the other family
 *
 * What one of them tells another is in a per-CPU map: struct nat_packet, struct crossing. */
#ifndef HEADERS_NAT_STAGES_H
#define HEADERS_NAT_STAGES_H

#include "../../maps/destinations.h"
#include "../../maps/load_balancer.h"
#include "../lb/conclude.h"
#include "../lb/verdict.h"
#include "../packet/ip.h"
#include "../packet/packet.h"
#include "../packet/parse.h"

/* No verdicts yet: the next stage decides. */
#define VERDICT_UNSETTLED (VERDICT_GO_ON + 1)
#define VERDICT_CROSSES (VERDICT_GO_ON + 2)

/* What the program does with an IP packet. packet->parsed and what follows it are not set yet;
 * packet->settled is what settle() has returned, or VERDICT_UNSETTLED. */
static enum verdict balance(struct packet *packet);

int settle(struct xdp_md *ctx);
int cross(struct xdp_md *ctx);

/* Returns the XDP action for a verdict, or the number of the next stage. */
static __always_inline int conclude_stage(const struct packet *packet, enum verdict verdict)
{
	return (__u32)verdict > VERDICT_GO_ON ? (int)verdict : conclude(packet, verdict);
}

/* A frame of so many bytes, `l2_length` of them Ethernet header and VLAN tags, with an IP packet of
 * this family. As in handle() of headers/lb/handle.h, balance() is compiled twice. */
__attribute__((noinline)) int main_stage(struct xdp_md *ctx, __u32 frame_length, __u32 l2_length,
					 __u32 family, __u32 settled)
{
	struct packet packet = {
		.ctx = ctx,
		.frame_length = frame_length,
		.l2_length = bounded_l2_length(l2_length),
		.settled = settled,
	};

	packet.network = (void *)(long)ctx->data + packet.l2_length;
	if (family == 4) {
		packet.flow.family = 4;
		return conclude_stage(&packet, balance(&packet));
	}
	packet.flow.family = 6;
	return conclude_stage(&packet, balance(&packet));
}

/* Returns whether a packet can be for us, by its destination address: no is certain. On a machine
 * that does other things too, this is the most frequent answer. */
static __always_inline int may_be_for_us(const struct packet *packet, __u8 family)
{
	void *end = (void *)(long)packet->ctx->data_end;
	struct load_balancer *lb = this_load_balancer();
	const union address *own, *destination;
	struct ipv6hdr *ip6 = packet->network;
	struct iphdr *ip = packet->network;
	union address ipv4;

	if (!lb || packet->network + ip_length(family) > end)
		return 0;
	own = own_address(lb, family);
	if (family == 4) {
		ipv4 = ipv4_address(ip->daddr);
		return same_address(&ipv4, own, 4) || may_be_ours(&ipv4, 4);
	}
	destination = (void *)&ip6->daddr;
	return same_address(destination, own, 6) || may_be_ours(destination, 6);
}

/* Handles a frame of so many bytes. Returns the XDP action. */
static __always_inline int handle_in_stages(struct xdp_md *ctx, __u32 frame_length)
{
	struct packet packet = {.ctx = ctx, .frame_length = frame_length};
	int family = parse_link(&packet), next;

	if ((family != 4 || !may_be_for_us(&packet, 4)) &&
	    (family != 6 || !may_be_for_us(&packet, 6)))
		return conclude(&packet, VERDICT_NOT_OURS);
	next = main_stage(ctx, frame_length, packet.l2_length, family, VERDICT_UNSETTLED);
	if (next == VERDICT_UNSETTLED)
		next = main_stage(ctx, frame_length, packet.l2_length, family, settle(ctx));
	return next == VERDICT_CROSSES ? cross(ctx) : next;
}

#endif
