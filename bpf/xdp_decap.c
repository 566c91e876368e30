/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_decap: the backend's half of xdp_ipip, xdp_gre, xdp_fou and xdp_gue. It takes off what the
 * load balancers have put on, and hands the inner packet to the kernel, which answers the client
 * from the VIP. Outer and inner packets are IPv4 or IPv6, in any combination.
 *
 * Accepting tunnels from anybody is CVE-2020-10136 (IP in IP; VU#199397 has the others): everything
 * is refused that is not allowed. So the kernel's own tunnels of these kinds, if a machine has any,
 * belong on another interface; those in UDP, on other ports.
 *
 *   packet                                             verdict
 *   -------------------------------------------------  -----------------------------------------
 *   no tunnel, or UDP to another port than this        PASS, not one byte changed
 *   host has for FOU and GUE
 *   a load balancer -> this host, inner for a VIP      outer headers off, PASS
 *   ... with ECN marks of the way                      the inner header is marked too (RFC 6040)
 *   ... but the inner header knows no ECN              DROP, if marked CE (congestion)
 *   outer source is no load balancer of ours           DROP
 *   outer destination is no address of this host       DROP
 *   a tunnel of a kind that this host does not take    DROP
 *   inner destination is no VIP of this host           DROP
 *   a tunnel inside of the tunnel                      DROP
 *   a fragment of a tunnel packet                      DROP
 *   lengths that disagree, outer header with options   DROP
 *   or extension headers, a wrong checksum of GRE,
 *   flags of GRE and GUE that change what follows
 *   more extension headers than are read, and a        DROP
 *   tunnel may stand behind them
 */
#include "../headers/decap/find.h"
#include "../headers/decap/trust.h"
#include "../headers/packet/ethernet.h"
#include "../headers/tunnel/ecn.h"
#include "../headers/tunnel/fou.h"
#include "../headers/tunnel/gre.h"
#include "../headers/tunnel/gue.h"
#include "../headers/tunnel/ipip.h"

/* Steps over the tunnel's own header. Returns the protocol of what is inside, or -1. */
static __always_inline int parse_tunnel(struct cursor *cursor, struct tunnel *tunnel)
{
	switch (tunnel->kind) {
	case DECAP_IPIP:
		return parse_ipip(cursor, tunnel);
	case DECAP_GRE:
		return parse_gre(cursor, tunnel);
	case DECAP_FOU:
		return parse_fou(cursor, tunnel);
	default:
		return parse_gue(cursor, tunnel);
	}
}

/* From the inner packet on: the cursor stands on its first byte. */
static __always_inline enum decap_verdict unwrap(struct tunnel *tunnel, struct cursor *cursor)
{
	enum decap_verdict verdict;
	struct trusted *trusted;

	/* Is it in full, and exactly in the outer one? */
	switch (parse_inner(cursor, tunnel)) {
	case CHAIN_BROKEN:
		return DECAP_MALFORMED;
	case CHAIN_UNREADABLE:
		return DECAP_UNREADABLE;
	default:
		break;
	}

	/* From a load balancer of ours, to this host, and for a VIP of this host? */
	verdict = trust(tunnel, &trusted);
	if (verdict != DECAP_GO_ON)
		return verdict;
	if (is_nested(tunnel, cursor, trusted))
		return DECAP_NESTED;

	/* Then take the outer packet off. */
	if (ecn_decapsulate(tunnel))
		return DECAP_CONGESTED;
	return pop_outer(tunnel) ? DECAP_BUG : DECAP_DECAPSULATED;
}

/* From the outer packet on. The family of either packet is decided once: each instance of unwrap()
 * knows both. */
static __always_inline enum decap_verdict decapsulate(struct tunnel *tunnel, struct cursor cursor)
{
	/* Is it a tunnel at all? */
	enum decap_verdict verdict = find_tunnel(tunnel, cursor);

	if (verdict != DECAP_GO_ON)
		return verdict;
	if (parse_outer(&cursor, tunnel))
		return DECAP_MALFORMED;
	switch (parse_tunnel(&cursor, tunnel)) {
	case IPPROTO_IPIP:
		tunnel->inner_family = 4;
		return unwrap(tunnel, &cursor);
	case IPPROTO_IPV6:
		tunnel->inner_family = 6;
		return unwrap(tunnel, &cursor);
	default:
		return DECAP_MALFORMED;
	}
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

/* The family of the outer packet is decided here, once: decapsulate() is compiled twice. */
static __always_inline int handle(struct xdp_md *ctx, __u32 frame_length)
{
	struct tunnel tunnel = {.ctx = ctx, .frame_length = frame_length};
	struct cursor cursor = cursor_at_start(ctx);

	switch (parse_ethernet(&cursor, &tunnel.l2_length)) {
	case ETH_P_IP:
		tunnel.family = 4;
		return conclude(&tunnel, decapsulate(&tunnel, cursor));
	case ETH_P_IPV6:
		tunnel.family = 6;
		return conclude(&tunnel, decapsulate(&tunnel, cursor));
	default:
		return conclude(&tunnel, DECAP_PLAIN);
	}
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
