/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_why: explains to `lb why` what xdp_ipip and xdp_l2dsr know of a packet. It is attached to no
 * device: `bpftool prog run` gives it the packet, and it puts a struct explanation
 * (maps/types/explanation.h) in front of it.
 *
 * What real packets have noted is copied first (xdp_copy), once, and the packet is tried on the
 * copies: so nothing is counted, and nothing is noted.
 */
#define MAP_PINNING LIBBPF_PIN_NONE /* it joins the maps of the load balancer's program */
/* Of these the structs alone are needed. */
#define MAP_DEFINITION extern
#include "../maps/stats.h"
#undef MAP_DEFINITION
#define MAP_DEFINITION
#include "../headers/lb/probe.h"
#include "../headers/lb/tracking.h"
#include "../headers/why/copy.h"
#include "../headers/why/explain.h"
#include "../maps/buckets.h"

COPIED(flows)
COPIED(new_flows)
COPIED(fragments)
COPIED(buckets)

/* What is remembered of the flow: as track() of headers/lb/tracking.h finds it. */
static __always_inline void explain_flow(const struct packet *packet, const struct service *service,
					 struct explanation *explanation)
{
	struct connection_key key = key_of(&packet->flow);
	__u64 now = bpf_ktime_get_coarse_ns();
	struct tracked_flow *known;

	if (explanation->now == explanation->was || explanation->memory == MEMORY_SERVER_ID)
		return;
	explanation->memory = MEMORY_FLOW;
	known = recall_flow(&flows, &key, packet, service, now);
	if (!known) {
		explanation->memory = MEMORY_NEW_FLOW;
		known = recall_flow(&new_flows, &key, packet, service, now);
	}
	if (known)
		explanation->backend = known->backend;
	else
		explanation->memory = MEMORY_NONE;
}

static __always_inline void explain(struct packet *packet, const struct load_balancer *lb,
				    struct explanation *explanation)
{
	struct service *service = explain_packet(packet, lb, explanation);

	if (service && is_probe(packet, lb)) {
		explanation->probe = 1;
		explanation->backend = probed_backend(packet);
	} else if (service) {
		explain_flow(packet, service, explanation);
	}
}

SEC("xdp.frags")
int xdp_why(struct xdp_md *ctx)
{
	struct packet packet = {.ctx = ctx, .frame_length = bpf_xdp_get_buff_len(ctx)};
	struct load_balancer *lb = this_load_balancer();
	struct explanation explanation = {};

	if (!lb)
		return XDP_ABORTED;
	switch (parse_link(&packet)) { /* as in headers/lb/handle.h */
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
	copy_flows();
	copy_new_flows();
	copy_fragments();
	copy_buckets();
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
