/* SPDX-License-Identifier: GPL-2.0-only */
/* From a frame to the program's balance(), and from its verdict to the XDP action. Here the family
 * is decided, once: balance() is compiled twice, and either instance knows its family. */
#ifndef HEADERS_LB_HANDLE_H
#define HEADERS_LB_HANDLE_H

#include "../packet/packet.h"
#include "../packet/parse.h"
#include "conclude.h"
#include "verdict.h"

/* What the program does with an IP packet. packet->parsed and what follows it are not set yet. */
static enum verdict balance(struct packet *packet);

/* Handles a frame of so many bytes. Returns the XDP action. */
static __always_inline int handle(struct xdp_md *ctx, __u32 frame_length)
{
	struct packet packet = {.ctx = ctx, .frame_length = frame_length};

	switch (parse_link(&packet)) {
	case 4:
		packet.flow.family = 4;
		return conclude(&packet, balance(&packet));
	case 6:
		packet.flow.family = 6;
		return conclude(&packet, balance(&packet));
	default:
		return conclude(&packet, VERDICT_NOT_OURS);
	}
}

#endif
