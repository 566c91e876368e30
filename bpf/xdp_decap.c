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
 *   ... a SYN, and there are too many of them          a SYN cookie to the client: TX, or REDIRECT
 *   (only if `lb decap set cookies` says so)           if that way is by another interface; PASS,
 *                                                      if nobody listens, or there is no way
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
#define MAP_DEFINITION extern /* it counts what a decapsulator counts */
#include "../maps/stats.h"
#undef MAP_DEFINITION
#define MAP_DEFINITION
#include "../headers/decap/conclude.h"
#include "../headers/decap/cookie.h"
#include "../headers/decap/unwrap.h"

static __always_inline int handle(struct xdp_md *ctx, __u32 frame_length)
{
	struct tunnel tunnel = {.ctx = ctx, .frame_length = frame_length};
	enum decap_verdict verdict = decapsulate(&tunnel);

	if (verdict == DECAP_DECAPSULATED && tunnel.is_flood)
		verdict = answer_syn(ctx, frame_length - tunnel.overhead, tunnel.overhead);
	return conclude(frame_length, verdict);
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
