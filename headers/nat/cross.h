/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet goes over to the other family (RFC 7915): NAT64 and NAT46. */
#ifndef HEADERS_NAT_CROSS_H
#define HEADERS_NAT_CROSS_H

#include "../../maps/load_balancer.h"
#include "../lb/conclude.h"
#include "../lb/nexthop.h"
#include "../lb/verdict.h"
#include "../packet/packet.h"
#include "../packet/sum.h"
#include "cross_error.h"
#include "crossing.h"
#include "stages.h"
#include "translate.h"

/* Returns a UDP checksum for a packet that came without one, over IPv4; over IPv6 it needs one. The
 * UDP header is in crossing->transport, and `at` bytes behind the frame's first one. */
static __always_inline __u16 missing_checksum(struct xdp_md *ctx, const struct crossing *crossing,
					      __u32 at)
{
	__u16 length = bpf_ntohs(crossing->transport[2]);
	__u16 check = ~checksum_fold(sum_addresses(&crossing->from, 4) + bpf_htons(IPPROTO_UDP) +
				     bpf_htons(length) + sum_bytes(ctx, at, length));

	return check ? check : 0xffff;
}

/* Translates ports and checksum of TCP or UDP. The new pseudo header has other addresses, and
 * nothing else is different. Returns VERDICT_GO_ON, or what becomes of the packet instead. */
static __always_inline enum verdict cross_transport(struct xdp_md *ctx, struct crossing *crossing)
{
	const struct translation *becomes = &crossing->becomes;
	__u32 at = crossing->l2_length + crossing->header_length;
	int is_udp = becomes->protocol == IPPROTO_UDP;
	__u16 *words = crossing->transport;
	__u64 delta;

	if (read_transport(ctx, crossing, at, !is_udp))
		return VERDICT_BUG;
	if (is_udp && crossing->family == 4 && !words[3]) {
		/* Of a fragment there is not enough to compute it (RFC 7915, 4.5). */
		if (crossing->facts.is_fragment)
			return VERDICT_UNTRANSLATABLE;
		words[3] = missing_checksum(ctx, crossing, at);
	}
	delta = delta_of_sums(sum_addresses(&crossing->from, crossing->family),
			      sum_address(&becomes->source) + sum_address(&becomes->destination));
	delta += translate_ports((void *)words, becomes->source_port, becomes->destination_port);
	if (is_udp)
		words[3] = udp_checksum_update(words[3], delta);
	else
		words[8] = checksum_update(words[8], delta);
	return store_transport(ctx, crossing, at, !is_udp) ? VERDICT_BUG : VERDICT_GO_ON;
}

/* TCP, UDP or a later fragment. */
static __always_inline enum verdict cross_packet(struct xdp_md *ctx, struct crossing *crossing)
{
	const struct translation *becomes = &crossing->becomes;
	enum verdict verdict = VERDICT_GO_ON;
	__u32 length;
	int at;

	if (!crossing->facts.offset)
		verdict = cross_transport(ctx, crossing);
	if (verdict != VERDICT_GO_ON)
		return verdict;
	crossing->facts.protocol = becomes->protocol; /* a later fragment's may be anything */
	length = write_header(&crossing->facts, becomes->family, &becomes->source,
			      &becomes->destination, &crossing->to);
	at = replace(ctx, crossing, crossing->header_length, length);
	if (at < 0 || store_header(ctx, at, &crossing->to, length))
		return VERDICT_BUG;
	return VERDICT_GO_ON;
}

/* Notes all that cross() needs to know, for a packet that becomes this on its way to `hop`. Returns
 * VERDICT_CROSSES. */
static __always_inline enum verdict begin_crossing(const struct packet *packet,
						   const struct load_balancer *lb,
						   const struct translation *becomes,
						   const struct nexthop *hop)
{
	const union address *own = own_address(lb, becomes->family);
	union address source = source_of(packet);
	struct crossing *crossing = this_crossing();
	int is_end = same_address(&source, &packet->flow.client, packet->flow.family);

	if (!crossing)
		return VERDICT_BUG;
	crossing->frame_length = packet->frame_length;
	crossing->l2_length = packet->l2_length;
	crossing->length = packet->length;
	crossing->header_length = packet->header_length;
	crossing->backend = packet->backend;
	crossing->opens = packet->opens;
	crossing->family = packet->flow.family;
	crossing->is_error = packet->parsed == PARSED_ICMP_ERROR;
	crossing->becomes = *becomes;
	crossing->hop = *hop;
	/* A router's address has no counterpart: we complain in its place (RFC 6791). */
	crossing->complains = is_end || is_unset(own, becomes->family) ? becomes->source : *own;
	return VERDICT_CROSSES;
}

static __always_inline enum verdict cross_by_kind(struct xdp_md *ctx, struct crossing *crossing)
{
	enum verdict verdict;

	if (read_facts(ctx, crossing))
		return VERDICT_UNTRANSLATABLE;
	verdict = crossing->is_error ? cross_error(ctx, crossing) : cross_packet(ctx, crossing);
	return verdict;
}

/* Takes the packet at this_crossing() over, and sends it on its way. Returns the XDP action. */
__attribute__((noinline)) int cross(struct xdp_md *ctx)
{
	struct crossing *crossing = this_crossing();
	struct packet packet = {.ctx = ctx};
	enum verdict verdict;

	if (!crossing)
		return XDP_ABORTED;
	packet.frame_length = crossing->frame_length;
	packet.backend = crossing->backend;
	packet.opens = crossing->opens;
	verdict = cross_by_kind(ctx, crossing);
	if (verdict == VERDICT_GO_ON)
		verdict = forward(&packet, &crossing->hop);
	return conclude(&packet, verdict);
}

#endif
