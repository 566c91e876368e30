/* SPDX-License-Identifier: GPL-2.0-only */
/* list_flows: a map of flows as text, a line for each of them:
 *
 *   PROTOCOL CLIENT PORT VIP PORT BACKEND CLOSING IDLE LEFT
 *
 * PROTOCOL is a number, BACKEND an id. IDLE: seconds since its last packet; LEFT: in how many it is
 * forgotten, if there are no more; 0: it is over, but still in the map. It is pinned twice, with
 * flows and with new_flows. Pinned by scripts/lb; read by it, or by cat.
 */
#define MAP_DEFINITION extern /* its struct alone is needed: the map comes with the element */
#include <bpf/bpf_endian.h>

#include "../headers/list/address.h"
#include "../headers/list/element.h"
#include "../maps/flows.h"

#define SECOND 1000000000ULL /* ns */

SEC("iter/bpf_map_elem")
int list_flows(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct connection_key *key = element->key;
	struct tracked_flow *flow = element->value;
	__u64 now = bpf_ktime_get_ns(), until;

	if (!key || !flow)
		return 0;
	until = flow->seen + idle_time(key, flow);
	BPF_SEQ_PRINTF(list, "%u ", key->protocol);
	print_address(list, &key->source, key->family);
	BPF_SEQ_PRINTF(list, " %u ", bpf_ntohs(key->source_port));
	print_address(list, &key->destination, key->family);
	BPF_SEQ_PRINTF(list, " %u %u %u %llu %llu\n", bpf_ntohs(key->destination_port),
		       flow->backend, flow->closing,
		       now > flow->seen ? (now - flow->seen) / SECOND : 0,
		       until > now ? (until - now + SECOND - 1) / SECOND : 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
