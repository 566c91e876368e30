/* SPDX-License-Identifier: GPL-2.0-only */
/* list_checks: the map of checks as text: for each service that has some, a line with its id, and
 * its lines of the services file. Pinned by scripts/lb; read by it, or by cat.
 */
#define MAP_DEFINITION extern /* its struct alone is needed: the map comes with the element */
#include "../headers/list/element.h"
#include "../maps/checks.h"

SEC("iter/bpf_map_elem")
int list_checks(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct checks *checks = element->value;
	__u32 *service = element->key;
	__u32 length;

	if (!service || !checks)
		return 0;
	length = checks->length;
	BPF_SEQ_PRINTF(list, "%u\n", *service);
	if (length <= CHECKS_LENGTH)
		bpf_seq_write(list, checks->text, length);
	return 0;
}

char _license[] SEC("license") = "GPL";
