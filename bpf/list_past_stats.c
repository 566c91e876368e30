/* SPDX-License-Identifier: GPL-2.0-only */
/* list_past_stats: what backends had counted that are gone, a line for each service that had
 * such:
 *
 *   ID PACKETS BYTES CONNECTIONS
 *
 * Pinned by scripts/lb; read by it, or by cat.
 */
#define MAP_DEFINITION extern /* its struct alone is needed: the map comes with the element */
#include "../headers/list/element.h"
#include "../maps/past_stats.h"

SEC("iter/bpf_map_elem")
int list_past_stats(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct backend_counter *kept = element->value;
	__u32 *id = element->key;

	if (id && kept && kept->packets)
		BPF_SEQ_PRINTF(list, "%u %llu %llu %llu\n", *id, kept->packets, kept->bytes,
			       kept->connections);
	return 0;
}

char _license[] SEC("license") = "GPL";
