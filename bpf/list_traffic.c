/* SPDX-License-Identifier: GPL-2.0-only */
/* list_traffic: what the backends have got, on all CPUs together, a line for each id that is in
 * use:
 *
 *   ID PACKETS BYTES CONNECTIONS
 *
 * It is pinned with the map of backends, and finds backend_stats beside it. Pinned by scripts/lb;
 * read by it, or by cat.
 */
#define MAP_DEFINITION extern /* of backends, the map comes with the element */
#include "../headers/list/element.h"
#include "../maps/backends.h"
#undef MAP_DEFINITION
#define MAP_DEFINITION /* but this one is needed */
#include "../headers/maglev/total.h"

SEC("iter/bpf_map_elem")
int list_traffic(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct backend *backend = element->value;
	struct backend_counter sum;
	__u32 *id = element->key;

	if (!id || !backend || backend->state == BACKEND_FREE)
		return 0;
	sum = total_of(*id);
	BPF_SEQ_PRINTF(list, "%u %llu %llu %llu\n", *id, sum.packets, sum.bytes, sum.connections);
	return 0;
}

char _license[] SEC("license") = "GPL";
