/* SPDX-License-Identifier: GPL-2.0-only */
/* The stages of xdp_nat. All functions that call each other share a stack of 512 bytes, and what is
 * done for rare packets needs most of it. So the program is in parts that do not call each other,
 * but are called one after the other:
 *
 *   main_stage()   every packet: balance(), as in every program
 *   settle()       only if its connection is not open for sure; then main_stage() once more
 *   cross()        only if the packet goes over to the other family
 *
 * What one of them tells another is in a per-CPU map: struct nat_packet, struct crossing. */
#ifndef HEADERS_NAT_STAGES_H
#define HEADERS_NAT_STAGES_H

#include "../lb/conclude.h"
#include "../lb/verdict.h"
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

/* A frame of so many bytes. As in handle() of headers/lb/handle.h, balance() is compiled twice. */
__attribute__((noinline)) int main_stage(struct xdp_md *ctx, __u32 frame_length, __u32 settled)
{
	struct packet packet = {.ctx = ctx, .frame_length = frame_length, .settled = settled};

	switch (parse_link(&packet)) {
	case 4:
		packet.flow.family = 4;
		return conclude_stage(&packet, balance(&packet));
	case 6:
		packet.flow.family = 6;
		return conclude_stage(&packet, balance(&packet));
	default:
		return conclude(&packet, VERDICT_NOT_OURS);
	}
}

/* Handles a frame of so many bytes. Returns the XDP action. */
static __always_inline int handle_in_stages(struct xdp_md *ctx, __u32 frame_length)
{
	int next = main_stage(ctx, frame_length, VERDICT_UNSETTLED);

	if (next == VERDICT_UNSETTLED)
		next = main_stage(ctx, frame_length, settle(ctx));
	return next == VERDICT_CROSSES ? cross(ctx) : next;
}

#endif
