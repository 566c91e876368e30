/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs the program under test, as it is loaded, and deals the next frame. */
#include "deal.h"

/* The program under test: the kernel keeps those of `sec xdp` and of `sec xdp.frags` apart. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps"), target_frags SEC(".maps");

/* Runs a program and returns its verdict: a tail call returns to whoever called the function that
 * makes it. (The compiler must not conclude that these functions only return 0.) */
static __noinline int run(struct xdp_md *ctx)
{
	int verdict = XDP_ABORTED;

	bpf_tail_call_static(ctx, &target, 0);
	barrier_var(verdict);
	return verdict;
}

static __noinline int run_frags(struct xdp_md *ctx)
{
	int verdict = XDP_ABORTED;

	bpf_tail_call_static(ctx, &target_frags, 0);
	barrier_var(verdict);
	return verdict;
}

/* The frame is dealt after the run and not before it: reading memory that was written a moment ago
 * is slow. */
SEC("xdp")
int deal_xdp(struct xdp_md *ctx)
{
	int verdict = run(ctx);

	return deal(ctx) ? XDP_ABORTED : verdict;
}

SEC("xdp.frags")
int deal_frags(struct xdp_md *ctx)
{
	int verdict = run_frags(ctx);

	return deal(ctx) ? XDP_ABORTED : verdict;
}

/* For frames that leave by the interface that they are said to have come in by. */
SEC("xdp")
int deal_and_send(struct xdp_md *ctx)
{
	return deal(ctx) ? XDP_ABORTED : XDP_TX;
}

char _license[] SEC("license") = "GPL";
