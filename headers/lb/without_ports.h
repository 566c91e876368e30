/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets without ports, or whose ports cannot be read: the same in every mode. */
#ifndef HEADERS_LB_WITHOUT_PORTS_H
#define HEADERS_LB_WITHOUT_PORTS_H

#include "../packet/packet.h"
#include "fragments.h"
#include "services.h"
#include "story.h"
#include "verdict.h"

/* Returns `verdict` if the packet is for a VIP; else it is not ours. */
static __always_inline enum verdict if_for_vip(const struct packet *packet,
					       const struct load_balancer *lb, enum verdict verdict)
{
	if (!is_vip(packet->flow.vip, packet->flow.family))
		return VERDICT_NOT_OURS;
	begin_story(packet, lb);
	return verdict;
}

/* Returns what becomes of such a packet; VERDICT_GO_ON if it is none. (Later fragments have no
 * ports, either, but each mode has its own way for them.) */
static __always_inline enum verdict judge_without_ports(const struct packet *packet,
							const struct load_balancer *lb)
{
	switch (packet->parsed) {
	case PARSED_OTHER:
		note_for_kernel(packet);
		return VERDICT_NOT_OURS;
	case PARSED_BROKEN:
		return if_for_vip(packet, lb, VERDICT_MALFORMED);
	case PARSED_UNREADABLE:
		return if_for_vip(packet, lb, VERDICT_UNREADABLE);
	default:
		return VERDICT_GO_ON;
	}
}

#endif
