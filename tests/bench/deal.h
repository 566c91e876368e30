/* SPDX-License-Identifier: GPL-2.0-only */
/* The frames of the benchmarks. A program changes its frame, and BPF_PROG_TEST_RUN hands the
 * changed one to the next round: so each round begins by dealing a new frame, from a template.
 * With more than one flow, its addresses and ports are those of the next flow (IPv4). */
#ifndef BENCH_DEAL_H
#define BENCH_DEAL_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define HEAD 80 /* bytes of a frame that are dealt: as much as any program here rewrites */
#define MAX_TEMPLATES 4
#define PORTS 4096 /* of one client address */
#define CONNECTION_PORT 10000

/* Which fields of a template are a flow's. */
enum layout {
	LAYOUT_REQUEST, /* client -> VIP: client's address and port, VIP */
	LAYOUT_REPLY,	/* backend -> load balancer: backend's address, load balancer's port */
	LAYOUT_TUNNEL,	/* the same as a request's, behind an outer IPv4 header */
};

struct template
{
	__u32 layout; /* enum layout */
	__u32 length; /* of the frame, in bytes; at least HEAD */
	__u8 head[HEAD];
};

/* What is dealt: each flow gets all templates, one after the other, before the next flow comes.
 * Flow i is of service i % services, that is, of the VIP (or backend) that many addresses after the
 * template's; its ports count up from CONNECTION_PORT, PORTS of them for each client address. */
struct deck {
	__u32 templates; /* 1 ... MAX_TEMPLATES */
	__u32 flows;	 /* a power of two; 1: the template as it is */
	__u32 services;	 /* a power of two */
	__u32 unused;
	struct template template[MAX_TEMPLATES];
};

_Static_assert(sizeof(struct deck) == 368, "as frames.py writes it");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct deck);
} deck SEC(".maps");

/* How many frames this CPU has been dealt. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} dealt SEC(".maps");

static __always_inline void add_to(__be32 *address, __u32 n)
{
	*address = bpf_htonl(bpf_ntohl(*address) + n);
}

/* Makes a frame that of a flow: `client` and `server` are the addresses that are the flow's, `port`
 * is its port. Neighbouring flows are not dealt one after the other, so that no cache can
 * guess the next one. */
static __always_inline void vary(const struct deck *deck, __u32 round, __be32 *client,
				 __be32 *server, __be16 *port)
{
	__u32 flow = (round * 0x9e3779b1U) & (deck->flows - 1);
	__u32 connection = flow / (deck->services ?: 1);

	add_to(server, flow & (deck->services - 1));
	if (client)
		add_to(client, connection / PORTS);
	*port = bpf_htons(CONNECTION_PORT + connection % PORTS);
}

/* Deals the next frame: returns 0, or -1 if there is no deck. */
static __always_inline int deal(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct deck *cards = bpf_map_lookup_elem(&deck, &key);
	__u64 *count = bpf_map_lookup_elem(&dealt, &key);
	struct template *template;
	struct iphdr *ip;
	struct udphdr *ports; /* TCP has them at the same place */
	__u32 turn, round;
	void *data = (void *)(long)ctx->data;
	long length = (void *)(long)ctx->data_end - data;
	int too_long;

	if (!cards || !count)
		return -1;
	round = (*count)++;
	turn = 0;
	if (cards->templates > 1) {
		turn = round % cards->templates;
		round /= cards->templates;
	}
	template = &cards->template[turn & (MAX_TEMPLATES - 1)];

	/* Or clang 19 adds the two in 32 bits, one a pointer: the verifier forbids that. */
	barrier_var(length);
	too_long = (int)length - (int)template->length;
	if (too_long && bpf_xdp_adjust_head(ctx, too_long))
		return -1;
	data = (void *)(long)ctx->data;
	if (data + HEAD > (void *)(long)ctx->data_end)
		return -1;
	__builtin_memcpy(data, template->head, HEAD);

	if (cards->flows <= 1)
		return 0;
	ip = data + sizeof(struct ethhdr);
	ports = (void *)(ip + 1);
	switch (template->layout) {
	case LAYOUT_REPLY:
		vary(cards, round, NULL, &ip->saddr, &ports->dest);
		break;
	case LAYOUT_TUNNEL:
		ip++;
		ports = (void *)(ip + 1);
		if ((void *)(ports + 1) > (void *)(long)ctx->data_end)
			return -1;
		/* fall through */
	default:
		vary(cards, round, &ip->saddr, &ip->daddr, &ports->source);
	}
	return 0;
}

#endif
