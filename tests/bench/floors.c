/* SPDX-License-Identifier: GPL-2.0-only */
/* Floors: programs that do almost nothing. Everything else is measured against them. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

#include "../../maps/types/counter.h"

#define LENGTH 74 /* frames of the benchmarks are at most as long */

static __always_inline int swap_macs(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u8 mac[ETH_ALEN];

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	return XDP_TX;
}

static __always_inline int make_room(struct xdp_md *ctx, int room)
{
	return bpf_xdp_adjust_head(ctx, -room) ? XDP_ABORTED : XDP_TX;
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp.frags")
int pass_frags(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int mac_swap(struct xdp_md *ctx)
{
	return swap_macs(ctx);
}

/* Makes room for an outer header, and sends the frame on. */
SEC("xdp")
int push(struct xdp_md *ctx)
{
	return make_room(ctx, sizeof(struct iphdr));
}

SEC("xdp.frags")
int push_frags(struct xdp_md *ctx)
{
	return make_room(ctx, sizeof(struct iphdr));
}

/* The same without dealing: every second round takes the room away again. */
SEC("xdp")
int push_and_pop(struct xdp_md *ctx)
{
	int grown = ctx->data_end - ctx->data > LENGTH;

	return make_room(ctx, grown ? -(int)sizeof(struct iphdr) : (int)sizeof(struct iphdr));
}

/* Counts the frames that end here. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counter);
} sunk SEC(".maps");

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	count(&sunk, 0, ctx->data_end - ctx->data);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
