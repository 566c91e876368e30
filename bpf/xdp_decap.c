/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_decap: the backend's half of xdp_ipip. It takes the outer header off what the load balancers
 * send, and hands the inner packet to the kernel, which answers the client from the VIP.
 * Accepting IP in IP from anybody is CVE-2020-10136: everything is refused that is not allowed.
 *
 *   packet                                             verdict
 *   -------------------------------------------------  -----------------------------------------
 *   not IPv4, or not IP in IP                          PASS, not one byte changed
 *   a load balancer -> this host, inner for a VIP      outer header off, PASS
 *   ... marked CE (congestion) on the way              the inner header is marked too (RFC 6040)
 *   ... but the inner header knows no ECN              DROP
 *   outer source is no load balancer of ours           DROP
 *   outer destination is no address of this host       DROP
 *   inner destination is no VIP of this host           DROP
 *   a tunnel inside of the tunnel                      DROP
 *   a fragment of a tunnel packet                      DROP
 *   lengths that disagree, outer header with options   DROP
 */
#include "../headers/ipip.h"
#include "../headers/packet.h"
#include "../headers/trust.h"

static __always_inline int is_tunnel(int protocol)
{
	return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6 || protocol == IPPROTO_GRE;
}

static __always_inline enum decap_verdict decapsulate(struct xdp_md *ctx, __u32 frame_length)
{
	struct cursor cursor = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	struct iphdr *outer, *inner;
	__u32 l2_length, length;
	enum decap_verdict verdict;
	int protocol;

	/* The outer packet: is it IP in IP at all? */
	if (parse_ethernet(&cursor, &l2_length) != ETH_P_IP)
		return DECAP_PLAIN;
	outer = cursor.pos;
	if ((void *)(outer + 1) > cursor.end || outer->protocol != IPPROTO_IPIP)
		return DECAP_PLAIN;

	/* Both packets: in full, in one piece, and one in the other? */
	if (outer->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET))
		return DECAP_OUTER_FRAGMENT;
	if (parse_ipv4(&cursor, frame_length - l2_length) < 0 || outer->ihl * 4 != sizeof(*outer))
		return DECAP_MALFORMED;
	inner = cursor.pos;
	length = bpf_ntohs(outer->tot_len) - sizeof(*outer);
	if ((void *)(inner + 1) > cursor.end)
		return DECAP_MALFORMED;
	protocol = parse_ipv4(&cursor, length);
	if (protocol < 0 || bpf_ntohs(inner->tot_len) != length)
		return DECAP_MALFORMED;

	/* From one of ours, to us, and for a VIP of ours? */
	verdict = trust(outer->saddr, outer->daddr, inner->daddr);
	if (verdict != DECAP_DECAPSULATED)
		return verdict;
	if (is_tunnel(protocol))
		return DECAP_NESTED;

	if (ecn_decapsulate(outer, inner))
		return DECAP_CONGESTED;
	return pop_ipip(ctx, l2_length) ? DECAP_BUG : DECAP_DECAPSULATED;
}

static __always_inline int conclude(enum decap_verdict verdict, __u32 frame_length)
{
	count(&decap_stats, verdict, frame_length);
	switch (verdict) {
	case DECAP_PLAIN:
	case DECAP_DECAPSULATED:
		return XDP_PASS;
	case DECAP_BUG:
		return XDP_ABORTED;
	default:
		return XDP_DROP;
	}
}

SEC("xdp")
int xdp_decap(struct xdp_md *ctx)
{
	__u32 frame_length = ctx->data_end - ctx->data;

	return conclude(decapsulate(ctx, frame_length), frame_length);
}

/* The same for an MTU above about 3500, whose frames are in several pages: `sec xdp.frags`. */
SEC("xdp.frags")
int xdp_decap_frags(struct xdp_md *ctx)
{
	__u32 frame_length = bpf_xdp_get_buff_len(ctx);

	return conclude(decapsulate(ctx, frame_length), frame_length);
}

char _license[] SEC("license") = "GPL";
