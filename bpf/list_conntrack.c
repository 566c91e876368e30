/* SPDX-License-Identifier: GPL-2.0-only */
/* list_conntrack: the connections of xdp_nat whose clients have IPv4, as text: a line for each
 * (headers/list/connection.h says which). Pinned by scripts/lb; read by it, or by cat.
 */
#define MAP_DEFINITION extern /* the map of backends is not needed */
#include "../headers/list/connection.h"

SEC("iter/bpf_map_elem")
int list_conntrack(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct connection *connection = element->value;
	struct ipv4_key *ipv4 = element->key;
	struct connection_key key;

	if (!ipv4 || !connection || connection->translation.direction != DIRECTION_REQUEST)
		return 0;
	key = long_key(ipv4);
	print_connection(list, &key, connection);
	return 0;
}

char _license[] SEC("license") = "GPL";
