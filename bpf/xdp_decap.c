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
#include "../headers/decap/trust.h"
#include "../headers/packet/ethernet.h"
#include "../headers/tunnel/ipip.h"

static __always_inline int is_tunnel(int protocol)
{
	return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6 || protocol == IPPROTO_GRE;
}

static __always_inline enum decap_verdict decapsulate(struct tunnel *tunnel)
{
	struct cursor cursor = cursor_at_start(tunnel->ctx);
	enum decap_verdict verdict;
	struct iphdr *outer;

	/* Is it IP in IP at all? */
	if (parse_ethernet(&cursor, &tunnel->l2_length) != ETH_P_IP)
		return DECAP_PLAIN;
	outer = cursor.pos;
	if ((void *)(outer + 1) > cursor.end || outer->protocol != IPPROTO_IPIP)
		return DECAP_PLAIN;

	/* Both packets: in one piece, in full, and one in the other? */
	if (is_fragment(outer))
		return DECAP_OUTER_FRAGMENT;
	if (parse_ipip(&cursor, tunnel->frame_length - tunnel->l2_length, tunnel))
		return DECAP_MALFORMED;

	/* From a load balancer of ours, to this host, and for a VIP of this host? */
	verdict = trust(outer->saddr, outer->daddr, tunnel->inner->daddr);
	if (verdict != DECAP_GO_ON)
		return verdict;
	if (is_tunnel(tunnel->inner_protocol))
		return DECAP_NESTED;

	/* Then take the outer packet off. */
	if (ecn_decapsulate(tunnel))
		return DECAP_CONGESTED;
	return pop_outer(tunnel) ? DECAP_BUG : DECAP_DECAPSULATED;
}

static __always_inline int conclude(const struct tunnel *tunnel, enum decap_verdict verdict)
{
	count(&decap_stats, verdict, tunnel->frame_length);
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

static __always_inline int handle(struct xdp_md *ctx, __u32 frame_length)
{
	struct tunnel tunnel = {.ctx = ctx, .frame_length = frame_length};

	return conclude(&tunnel, decapsulate(&tunnel));
}

SEC("xdp")
int xdp_decap(struct xdp_md *ctx)
{
	return handle(ctx, ctx->data_end - ctx->data);
}

/* The same for an MTU above about 3500, whose frames are in several pages: `sec xdp.frags`. */
SEC("xdp.frags")
int xdp_decap_frags(struct xdp_md *ctx)
{
	return handle(ctx, bpf_xdp_get_buff_len(ctx));
}

char _license[] SEC("license") = "GPL";
