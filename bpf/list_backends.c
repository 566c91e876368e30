/* SPDX-License-Identifier: GPL-2.0-only */
/* list_backends: the map of backends as text, a line for each id that is in use:
 *
 *   SERVICE ID ADDRESS PORT WEIGHT STATE HEALTH FLAGS
 *
 * SERVICE is the service's id; STATE, HEALTH and FLAGS are numbers (maps/backends.h). Pinned by
 * scripts/lb; read by it, or by cat.
 */
#define MAP_DEFINITION extern /* its struct alone is needed: the map comes with the element */
#include <bpf/bpf_endian.h>

#include "../headers/list/address.h"
#include "../headers/list/element.h"
#include "../maps/backends.h"

SEC("iter/bpf_map_elem")
int list_backends(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct backend *backend = element->value;
	__u32 *id = element->key;

	if (!id || !backend || backend->state == BACKEND_FREE)
		return 0;
	BPF_SEQ_PRINTF(list, "%u %u ", backend->service, *id);
	print_address(list, &backend->address, backend->family);
	BPF_SEQ_PRINTF(list, " %u %u %u %u %u\n", bpf_ntohs(backend->port), backend->weight,
		       backend->state, backend->health, backend->flags);
	return 0;
}

char _license[] SEC("license") = "GPL";
