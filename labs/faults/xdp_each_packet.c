// SPDX-License-Identifier: GPL-2.0-only
/* A fault on purpose: xdp_l2dsr, but each packet goes to any of the backends, not each connection
 * to one of them. For labs/faults/17-each_packet.sh; never load it anywhere else. */
#include "../../headers/packet/hash.h"

static __always_inline __u32 any_number(const struct flow *flow, const __u32 key[8])
{
	return bpf_get_prandom_u32();
}

/* After the header that defines it: who includes it from here on gets the other one. */
#define flow_hash any_number
#include "../../bpf/xdp_l2dsr.c"
