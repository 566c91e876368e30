/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes cache lines of what touch.h has logged: runs the program under test as deal.c does, and
 * notes each line that it has touched. */
#include "deal.h"
#include "touch.h"
#undef bpf_map_lookup_elem

#define LINE 64
#define PAGE 4096
#define MAX_LINES 8 /* of one element */

/* Lines whose address is not known, but how many of them there are: the kernel's own. */
enum line_kind {
	LINE_VALUE,   /* of an element: number is its address / LINE */
	LINE_POINTER, /* per-CPU arrays have one for each element: index / 8 */
	LINE_BUCKET,  /* of a hash: the address of the element, as if each had a bucket alone */
};

struct line {
	__u64 map; /* the first 8 letters of its name */
	__u64 number;
	__u64 page;
	__u64 kind; /* enum line_kind */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4194304);
	__type(key, struct line);
	__type(value, __u32);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} touched_lines SEC(".maps");

/* 1: lines are noted */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} noting SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

static __noinline int run(struct xdp_md *ctx)
{
	int verdict = XDP_ABORTED;

	bpf_tail_call_static(ctx, &target, 0);
	barrier_var(verdict);
	return verdict;
}

static __always_inline void note_line(struct line line)
{
	__u32 one = 1;

	bpf_map_update_elem(&touched_lines, &line, &one, BPF_ANY);
}

/* A step over the log (a callback of bpf_loop). */
static long note_lines(__u32 i, void *unused)
{
	__u32 key = 0;
	struct touches *log = bpf_map_lookup_elem(&touch_log, &key);
	struct touch *touch;
	__u64 first, last;

	if (!log || i >= MAX_TOUCHES || i >= log->count)
		return 1;
	touch = &log->touch[i];
	first = (touch->address - touch->before) / LINE;
	last = (touch->address + touch->size - 1) / LINE;
	for (int n = 0; n < MAX_LINES; n++)
		if (first + n <= last)
			note_line((struct line){touch->map, first + n, (first + n) * LINE / PAGE,
						LINE_VALUE});
	if (touch->type == BPF_MAP_TYPE_PERCPU_ARRAY)
		note_line((struct line){touch->map, touch->index / 8, touch->index * 8 / PAGE,
					LINE_POINTER});
	if (touch->before)
		note_line((struct line){touch->map, touch->address, touch->address, LINE_BUCKET});
	return 0;
}

SEC("xdp")
int deal_xdp(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct touches *log = bpf_map_lookup_elem(&touch_log, &key);
	__u32 *is_noting = bpf_map_lookup_elem(&noting, &key);
	int verdict;

	if (!log || !is_noting)
		return XDP_ABORTED;
	log->count = 0;
	verdict = run(ctx);
	if (*is_noting)
		bpf_loop(MAX_TOUCHES, note_lines, NULL, 0);
	return deal(ctx) ? XDP_ABORTED : verdict;
}

char _license[] SEC("license") = "GPL";
