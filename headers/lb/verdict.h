/* SPDX-License-Identifier: GPL-2.0-only */
/* What the steps of a program return: go on, or the verdict that ends the packet's journey. */
#ifndef HEADERS_LB_VERDICT_H
#define HEADERS_LB_VERDICT_H

#include "../../maps/stats.h"

/* Not a verdict yet: the next step decides. It is the first number behind the counters, so that
 * nothing could ever count it. */
#define VERDICT_GO_ON VERDICTS

/* Returns the XDP action that carries out a verdict. (bpf_redirect has noted the interface.) */
static __always_inline int action(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_NOT_OURS:
	case VERDICT_LOCAL:
		return XDP_PASS;
	case VERDICT_FORWARDED:
	case VERDICT_TTL_ANSWERED:
	case VERDICT_TOO_BIG_ANSWERED:
	case VERDICT_RESET:
		return XDP_TX;
	case VERDICT_REDIRECTED:
	case VERDICT_PROBE:
	case VERDICT_PROBE_ANSWER:
		return XDP_REDIRECT;
	case VERDICT_BUG:
		return XDP_ABORTED;
	default:
		return XDP_DROP;
	}
}

#endif
