/* SPDX-License-Identifier: GPL-2.0-only */
/* list_changed_at: when backends became what they are, a line for each id that has ever been in
 * use, with seconds since boot:
 *
 *   ID CHANGED
 *
 * Pinned by scripts/lb; read by it, or by cat.
 */
#define MAP_DEFINITION extern /* its struct alone is needed: the map comes with the element */
#include "../headers/list/element.h"
#include "../maps/changed_at.h"

SEC("iter/bpf_map_elem")
int list_changed_at(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct change_time *time = element->value;
	__u32 *id = element->key;

	if (id && time && time->changed)
		BPF_SEQ_PRINTF(list, "%u %llu\n", *id, time->changed);
	return 0;
}

char _license[] SEC("license") = "GPL";
