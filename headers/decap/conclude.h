/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of a packet's journey through a decapsulator: it is counted, and the verdict becomes an
 * XDP action. */
#ifndef HEADERS_DECAP_CONCLUDE_H
#define HEADERS_DECAP_CONCLUDE_H

#include "../../maps/decap_stats.h"
#include "../tunnel/pop.h"

/* Returns the action. (bpf_redirect has noted the interface.) */
static __always_inline int conclude(const struct tunnel *tunnel, enum decap_verdict verdict)
{
	count(&decap_stats, verdict, tunnel->frame_length);
	switch (verdict) {
	case DECAP_PLAIN:
	case DECAP_DECAPSULATED:
		return XDP_PASS;
	case DECAP_HANDED_ON:
		return XDP_TX;
	case DECAP_HANDED_ASIDE:
		return XDP_REDIRECT;
	case DECAP_BUG:
		return XDP_ABORTED;
	default:
		return XDP_DROP;
	}
}

#endif
