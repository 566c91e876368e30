/* SPDX-License-Identifier: GPL-2.0-only */
/* So many in a period, and no more. A budget is of one CPU, so nobody else changes it meanwhile. */
#ifndef HEADERS_LB_BUDGET_H
#define HEADERS_LB_BUDGET_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

struct budget {
	__u64 period_end; /* in the unit of `now` */
	__u64 spent;
};

/* Spends one, and returns whether it is within the limit. */
static __always_inline int is_within(struct budget *budget, __u64 now, __u64 period, __u64 limit)
{
	if (now >= budget->period_end) {
		budget->period_end = now + period;
		budget->spent = 0;
	}
	return budget->spent++ < limit;
}

#endif
