/* SPDX-License-Identifier: GPL-2.0-only */
/* QUIC: a client may change its address, and goes on with the same connection. What stays are the
 * connection ids that its server has chosen, and they say who that is (the plaintext ids of
 * draft-ietf-quic-load-balancers):
 *
 *   bits:  0 1 2      3 4 5 6 7         service.id_bytes * 8     at least 32
 *         +----------+-----------------+------------------------+------------------+
 *         | config   | length, or any  | server id              | nonce: any       |
 *         +----------+-----------------+------------------------+------------------+
 *
 * Config is the number of a configuration, 0 to 6; all of them are read alike. With 7, no server is
 * meant. Where no (known) server is meant, the flow's hash decides: so for the first packets of a
 * connection, whose id is the client's own choice. (By chance one of those may look like the id of
 * a server. It goes there, and so does the rest of its connection.) */
#ifndef HEADERS_LB_QUIC_H
#define HEADERS_LB_QUIC_H

#include <linux/udp.h>

#include "../../maps/backends.h"
#include "../../maps/server_ids.h"
#include "../../maps/services.h"
#include "../packet/packet.h"

#define QUIC_LONG_HEADER 0x80 /* RFC 8999, 5.1 */
#define QUIC_NO_SERVER 7      /* config of an id that means no server */
#define QUIC_NONCE 4	      /* bytes at least */

/* The first bytes of a QUIC packet, as far as a server id can be in them (RFC 8999, 5). */
union quic_start {
	struct __attribute__((packed)) {
		__u8 first;
		__u8 config;
		__u8 server_id[MAX_SERVER_ID_BYTES];
	} brief; /* a short header: the id, of a length that both sides know */
	struct {
		__u8 first;
		__u8 version[4];
		__u8 length; /* of the id */
		__u8 config;
		__u8 server_id[MAX_SERVER_ID_BYTES];
	} __attribute__((packed)) full;
};

/* Returns where the UDP payload begins in the frame. */
static __always_inline __u32 udp_payload(const struct packet *packet)
{
	return packet->l2_length + packet->header_length + sizeof(struct udphdr);
}

/* What named_backend() returns for a packet that may begin a connection: of the client's choice. */
#define NAMED_BY_CLIENT -1

/* Returns the id of the usable backend that a QUIC packet names, which begins at byte `at` of the
 * frame; 0 or NAMED_BY_CLIENT: none. (A function of its own, not inlined: it is for services of
 * QUIC alone.) */
__attribute__((noinline)) int named_backend(struct xdp_md *ctx, __u32 at, __u32 service,
					    __u32 id_bytes)
{
	struct server_id_key key = {.service = service};
	struct server_id *named;
	struct backend *backend;
	union quic_start start;
	const __u8 *id;
	__u8 config;
	int nobody;

	if (bpf_xdp_load_bytes(ctx, at, &start, sizeof(start)))
		return 0; /* no whole packet of QUIC is as short as that */
	nobody = start.full.first & QUIC_LONG_HEADER ? NAMED_BY_CLIENT : 0;
	if (nobody) {
		if (start.full.length < 1 + id_bytes + QUIC_NONCE)
			return nobody;
		config = start.full.config;
		id = start.full.server_id;
	} else {
		config = start.brief.config;
		id = start.brief.server_id;
	}
	if (config >> 5 == QUIC_NO_SERVER)
		return nobody;
	key.server_id = (__u32)id[0] << 24 | id[1] << 16 | id[2] << 8 | id[3];
	key.server_id >>= 8 * (MAX_SERVER_ID_BYTES - id_bytes) & 31;
	named = bpf_map_lookup_elem(&server_ids, &key);
	if (!named)
		return nobody;
	backend = usable_backend(named->backend);
	return backend && backend->service == service ? (int)named->backend : nobody;
}

#endif
