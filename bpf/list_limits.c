/* SPDX-License-Identifier: GPL-2.0-only */
/* list_limits: how many new connections services take, as text, a line for each that has a limit:
 *
 *   SERVICE RATE BITS
 *
 * Pinned by scripts/lb; read by it, or by cat.
 */
#define MAP_DEFINITION extern /* its struct alone is needed: the map comes with the element */
#include "../headers/list/element.h"
#include "../maps/limits.h"

SEC("iter/bpf_map_elem")
int list_limits(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct limit *limit = element->value;
	__u32 *service = element->key;

	if (service && limit && limit->rate)
		BPF_SEQ_PRINTF(list, "%u %u %u\n", *service, limit->rate, limit->bits);
	return 0;
}

char _license[] SEC("license") = "GPL";
