/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_relay: xdp_decap with a second chance. A packet of a TCP connection that this backend does
 * not have goes on to the other backend that may have it. So a connection survives that a load
 * balancer dies while backends change, although no load balancer remembers it. This backend has to
 * know the services, as the load balancers do: `lb restore` here, too, and first.
 *
 *   packet                                             verdict
 *   -------------------------------------------------  -----------------------------------------
 *   what xdp_decap takes off                           PASS, unless one of the next lines says
 *                                                      something else
 *   ... and what it does not                           as there (see xdp_decap.c)
 *   TCP, not a SYN, and its slot has or had another    in a new envelope to that one, with a mark:
 *   backend, and a socket listens here, but has no     TX, or REDIRECT if that one is on another
 *   such connection                                    interface
 *   ... an ICMP error about such a packet              the same
 *   ... which has come with the mark                   PASS: once is enough
 *   ... which ends a handshake by a SYN cookie         PASS
 *   ... but there is no way to it                      DROP
 *
 * Later fragments and UDP are never handed on. See headers/decap/chance.h.
 */
#define MAP_DEFINITION extern /* it counts what a decapsulator counts */
#include "../maps/stats.h"
#undef MAP_DEFINITION
#define MAP_DEFINITION
#include "../headers/decap/chance.h"
#include "../headers/decap/stages.h"
#include "../headers/decap/unwrap.h"

/* From the packet on that has come out of the tunnel. */
static __always_inline enum decap_verdict give_second_chance(struct packet *packet,
							     const struct tunnel *tunnel)
{
	struct load_balancer *lb = this_load_balancer();
	struct backend *other;
	__u32 id;

	if (!lb)
		return DECAP_BUG;

	/* Could it belong to another backend, and to which one? */
	parse_packet(packet);
	if (!continues(packet))
		return DECAP_DECAPSULATED;
	other = other_backend(packet, tunnel, lb, &id);
	if (!other)
		return DECAP_DECAPSULATED;

	/* Not if it belongs to this one. */
	if (is_at_home(packet))
		return DECAP_DECAPSULATED;
	return other->family == 4 ? hand_on(packet, lb, id, other, 4)
				  : hand_on(packet, lb, id, other, 6);
}

/* The family of the inner packet is decided here: give_second_chance() is compiled twice. */
static __always_inline enum decap_verdict read_again(const struct tunnel *tunnel)
{
	struct packet packet = {.ctx = tunnel->ctx,
				.frame_length = tunnel->frame_length - tunnel->overhead};

	switch (parse_link(&packet)) {
	case 4:
		packet.flow.family = 4;
		return give_second_chance(&packet, tunnel);
	case 6:
		packet.flow.family = 6;
		return give_second_chance(&packet, tunnel);
	default:
		return DECAP_DECAPSULATED;
	}
}

static __always_inline enum decap_verdict unwrap(struct tunnel *tunnel)
{
	enum decap_verdict verdict = decapsulate(tunnel);

	if (verdict == DECAP_DECAPSULATED && !tunnel->mark)
		verdict = read_again(tunnel);
	return verdict;
}

SEC("xdp")
int xdp_relay(struct xdp_md *ctx)
{
	return handle_in_stages(ctx, ctx->data_end - ctx->data);
}

/* The same for an MTU above about 3500, whose frames are in several pages: `sec xdp.frags`. */
SEC("xdp.frags")
int xdp_relay_frags(struct xdp_md *ctx)
{
	return handle_in_stages(ctx, bpf_xdp_get_buff_len(ctx));
}

char _license[] SEC("license") = "GPL";
