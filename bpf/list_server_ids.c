/* SPDX-License-Identifier: GPL-2.0-only */
/* list_server_ids: which backend a QUIC connection id means, as text, a line for each:
 *
 *   BACKEND SERVICE SERVER_ID
 *
 * BACKEND and SERVICE are ids, SERVER_ID is a number. Pinned by scripts/lb; read by it, or by cat.
 */
#define MAP_DEFINITION extern /* its structs alone are needed: the map comes with the element */
#include "../headers/list/element.h"
#include "../maps/server_ids.h"

SEC("iter/bpf_map_elem")
int list_server_ids(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct server_id *value = element->value;
	struct server_id_key *key = element->key;

	if (key && value)
		BPF_SEQ_PRINTF(list, "%u %u %u\n", value->backend, key->service, key->server_id);
	return 0;
}

char _license[] SEC("license") = "GPL";
