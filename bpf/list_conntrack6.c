/* SPDX-License-Identifier: GPL-2.0-only */
/* list_conntrack6: the connections of xdp_nat whose clients have IPv6, as text: a line for each
 * (headers/list/connection.h says which). Pinned by scripts/lb; read by it, or by cat.
 */
#define MAP_DEFINITION extern /* the map of backends is not needed */
#include "../headers/list/connection.h"

SEC("iter/bpf_map_elem")
int list_conntrack6(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct connection *connection = element->value;
	struct connection_key *key = element->key;

	if (key && connection && connection->translation.direction == DIRECTION_REQUEST)
		print_connection(list, key, connection);
	return 0;
}

char _license[] SEC("license") = "GPL";
