/* SPDX-License-Identifier: GPL-2.0-only */
/* decapsulate(): the whole way from a frame to the packet inside, in order. */
#ifndef HEADERS_DECAP_UNWRAP_H
#define HEADERS_DECAP_UNWRAP_H

#include "../packet/ethernet.h"
#include "../tunnel/ecn.h"
#include "../tunnel/fou.h"
#include "../tunnel/gre.h"
#include "../tunnel/gue.h"
#include "../tunnel/ipip.h"
#include "find.h"
#include "flood.h"
#include "trust.h"

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
static __always_inline enum decap_verdict unwrap_inner(struct tunnel *tunnel, struct cursor *cursor)
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

	/* Does it begin a connection, as too many others have done this second? */
	tunnel->is_flood = is_flood(tunnel, cursor);

	/* Then take the outer packet off. */
	remember_outer(tunnel);
	if (ecn_decapsulate(tunnel))
		return DECAP_CONGESTED;
	return pop_outer(tunnel) ? DECAP_BUG : DECAP_DECAPSULATED;
}

/* From the outer packet on. The family of either packet is decided once: each instance of
 * unwrap_inner() knows both. */
static __always_inline enum decap_verdict unwrap_outer(struct tunnel *tunnel, struct cursor cursor)
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
		return unwrap_inner(tunnel, &cursor);
	case IPPROTO_IPV6:
		tunnel->inner_family = 6;
		return unwrap_inner(tunnel, &cursor);
	default:
		return DECAP_MALFORMED;
	}
}

/* Takes off the outer headers of a frame that comes from a load balancer of ours, by a tunnel that
 * this host takes, for a VIP of it. Returns DECAP_DECAPSULATED, and what was in front is kept in
 * *tunnel; or the verdict on the frame, of which not one byte has changed then. The family of the
 * outer packet is decided here, once: unwrap_outer() is compiled twice. */
static __always_inline enum decap_verdict decapsulate(struct tunnel *tunnel)
{
	struct cursor cursor = cursor_at_start(tunnel->ctx);

	switch (parse_ethernet(&cursor, &tunnel->l2_length)) {
	case ETH_P_IP:
		tunnel->family = 4;
		return unwrap_outer(tunnel, cursor);
	case ETH_P_IPV6:
		tunnel->family = 6;
		return unwrap_outer(tunnel, cursor);
	default:
		return DECAP_PLAIN;
	}
}

#endif
