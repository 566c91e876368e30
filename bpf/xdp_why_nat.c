/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_why_nat: explains to `lb why` what xdp_nat knows of a packet, in the way of xdp_why. */
#define MAP_PINNING LIBBPF_PIN_NONE /* it joins the maps of the load balancer's program */
/* Of these the structs alone are needed. */
#define MAP_DEFINITION extern
#include "../maps/nat_events.h"
#undef MAP_DEFINITION
#define MAP_DEFINITION
#include "../headers/nat/waiting.h"
#include "../headers/why/copy.h"
#include "../headers/why/explain.h"
#include "../maps/buckets.h"
#include "../maps/seats.h"

COPIED(fragments)
COPIED(buckets)
COPIED(conntrack)
COPIED(conntrack6)
COPIED(destinations)
COPIED(seats)

typeof(handshakes) real_handshakes SEC(".maps");
typeof(handshakes6) real_handshakes6 SEC(".maps");

/* Steps over the sets of handshakes (callbacks of bpf_loop). Each set has a lock of its own, which
 * a copy must not have. */
static long copy_set(__u32 i, void *unused)
{
	struct handshake_set *from = bpf_map_lookup_elem(&real_handshakes, &i);
	struct handshake_set *to = bpf_map_lookup_elem(&handshakes, &i);

	if (!from || !to)
		return 1;
	to->next = from->next;
	to->answered = from->answered;
	to->first = from->first;
	to->second = from->second;
	to->third = from->third;
	return 0;
}

static long copy_set6(__u32 i, void *unused)
{
	struct handshake6_set *from = bpf_map_lookup_elem(&real_handshakes6, &i);
	struct handshake6_set *to = bpf_map_lookup_elem(&handshakes6, &i);

	if (!from || !to)
		return 1;
	to->next = from->next;
	to->answered = from->answered;
	to->first = from->first;
	to->second = from->second;
	to->third = from->third;
	return 0;
}

/* The packet's connection, or its handshake: what is remembered of both is one answer here. */
static __always_inline void explain_connection(const struct packet *packet,
					       struct explanation *explanation)
{
	struct connection_key key = key_of(&packet->flow);
	struct connection *connection = find_entry(&key);
	struct translation to;

	if (connection)
		to = connection->translation;
	else if (!recall_handshake(&key, bpf_ktime_get_coarse_ns(), &to))
		return;
	explanation->memory = MEMORY_CONNECTION;
	explanation->backend = to.backend;
}

static __always_inline void explain(struct packet *packet, const struct load_balancer *lb,
				    struct explanation *explanation)
{
	explain_packet(packet, lb, explanation);
	if (packet->parsed == PARSED_FLOW || packet->parsed == PARSED_ICMP_ERROR)
		explain_connection(packet, explanation);
}

SEC("xdp.frags")
int xdp_why_nat(struct xdp_md *ctx)
{
	struct packet packet = {.ctx = ctx, .frame_length = bpf_xdp_get_buff_len(ctx)};
	struct load_balancer *lb = this_load_balancer();
	struct explanation explanation = {};

	if (!lb)
		return XDP_ABORTED;
	switch (parse_link(&packet)) { /* two instances, as handle() of headers/lb/handle.h has */
	case 4:
		packet.flow.family = 4;
		explain(&packet, lb, &explanation);
		break;
	case 6:
		packet.flow.family = 6;
		explain(&packet, lb, &explanation);
		break;
	}
	return put_in_front(ctx, &explanation);
}

SEC("xdp.frags")
int xdp_copy(struct xdp_md *ctx)
{
	copy_fragments();
	copy_buckets();
	copy_conntrack();
	copy_conntrack6();
	copy_destinations();
	copy_seats();
	bpf_loop(HANDSHAKE_SETS, copy_set, NULL, 0);
	bpf_loop(HANDSHAKE_SETS, copy_set6, NULL, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
