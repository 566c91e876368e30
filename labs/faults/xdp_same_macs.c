// SPDX-License-Identifier: GPL-2.0-only
/* A fault on purpose: xdp_l2dsr, but for the line that gives a packet new MAC addresses. For
 * labs/faults/16-same_macs.sh; never load it anywhere else. */
#include "../../headers/packet/link.h"

/* "A packet leaves as it came." True for what L2 DSR does to IP, and wrong for the rest. */
static __always_inline int keep_l2(const struct packet *packet)
{
	return packet->l2_length;
}

#define rewrite_l2(packet, hop, gap, family) keep_l2(packet)
#include "../../bpf/xdp_l2dsr.c"
