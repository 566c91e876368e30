/* SPDX-License-Identifier: GPL-2.0-only */
/* The stages of xdp_relay. Functions that call each other share a stack of 512 bytes, and what
 * is done for a second chance needs most of it. So there are two parts that do not call each
 * other, but are called one after the other:
 *
 *   unwrap_stage()   every packet: unwrap(), and for nearly all of them that is all
 *   answer_syn()     SYNs of a flood
 */
#ifndef HEADERS_DECAP_STAGES_H
#define HEADERS_DECAP_STAGES_H

#include "../tunnel/pop.h"
#include "conclude.h"
#include "cookie.h"

/* What the program does with a frame. */
static enum decap_verdict unwrap(struct tunnel *tunnel);

/* Returns the XDP action for a frame of so many bytes; or, if it is a SYN of a flood, a number that
 * is larger than any action: how many bytes the tunnel had in front of it. */
__attribute__((noinline)) int unwrap_stage(struct xdp_md *ctx, __u32 frame_length)
{
	struct tunnel tunnel = {.ctx = ctx, .frame_length = frame_length};
	enum decap_verdict verdict = unwrap(&tunnel);

	if (verdict == DECAP_DECAPSULATED && tunnel.is_flood)
		return tunnel.overhead;
	return conclude(frame_length, verdict);
}

/* Handles a frame of so many bytes. Returns the XDP action. */
static __always_inline int handle_in_stages(struct xdp_md *ctx, __u32 frame_length)
{
	int next = unwrap_stage(ctx, frame_length);

	if (next <= XDP_REDIRECT)
		return next;
	return conclude(frame_length, answer_syn(ctx, frame_length - next, next));
}

#endif
