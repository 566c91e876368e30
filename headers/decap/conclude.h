/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of a packet's journey through a decapsulator: it is counted, and the verdict becomes an
 * XDP action. */
#ifndef HEADERS_DECAP_CONCLUDE_H
#define HEADERS_DECAP_CONCLUDE_H

#include "../../maps/decap_stats.h"

/* Returns the action for a frame of so many bytes. (bpf_redirect has noted the interface.) */
static __always_inline int conclude(__u32 frame_length, enum decap_verdict verdict)
{
	count(&decap_stats, verdict, frame_length);
	switch (verdict) {
	case DECAP_PLAIN:
	case DECAP_DECAPSULATED:
	case DECAP_SYN_UNANSWERED:
		return XDP_PASS;
	case DECAP_SYN_ANSWERED:
	case DECAP_HANDED_ON:
		return XDP_TX;
	case DECAP_SYN_ANSWERED_ASIDE:
	case DECAP_HANDED_ASIDE:
		return XDP_REDIRECT;
	case DECAP_BUG:
		return XDP_ABORTED;
	default:
		return XDP_DROP;
	}
}

#endif
