/* SPDX-License-Identifier: GPL-2.0-only */
/* What time is it? The kernel's coarse clock is set once in a tick, so one question in a tick is
 * enough: a call of a helper costs as much as a tenth of all that is done for a packet. */
#ifndef HEADERS_LB_CLOCK_H
#define HEADERS_LB_CLOCK_H

#include "../../maps/types/map.h"

struct clock {
	__u64 tick; /* jiffies, when it was asked for */
	__u64 ns;   /* since boot; 0: nobody has asked yet */
};

/* The programs' own: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct clock);
} clocks SEC(".maps");

/* Returns the time in ns since boot, as bpf_ktime_get_coarse_ns() does. */
static __always_inline __u64 time_now(void)
{
	__u32 key = 0;
	struct clock *clock = bpf_map_lookup_elem(&clocks, &key);
	__u64 tick = bpf_jiffies64();

	if (!clock)
		return bpf_ktime_get_coarse_ns();
	if (clock->tick != tick || !clock->ns) {
		clock->ns = bpf_ktime_get_coarse_ns();
		clock->tick = tick;
	}
	return clock->ns;
}

#endif
