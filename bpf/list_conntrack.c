/* SPDX-License-Identifier: GPL-2.0-only */
/* list_conntrack: the connections of xdp_nat as text, a line for each, by its entry for the
 * client's packets:
 *
 *   PROTOCOL CLIENT PORT VIP PORT OWN PORT BACKEND ADDRESS PORT OPEN
 *
 * PROTOCOL is a number, OWN our address and the port that is lent; BACKEND is an id, and then come
 * its address and port. OPEN: 1, or 0 if the connection is over and nobody has needed its place
 * yet. Pinned by scripts/lb; read by it, or by cat.
 */
#define MAP_DEFINITION extern /* the map of backends is not needed */
#include <bpf/bpf_endian.h>

#include "../headers/list/element.h"
#include "../headers/nat/idle.h"

/* Returns whether a connection goes on. */
static __always_inline int is_open(__u8 protocol, const struct connection *connection)
{
	struct ipv4_key key = answer_to(&connection->translation);
	struct connection *other = bpf_map_lookup_elem(&conntrack, &key);
	struct nat *settings = nat_settings();

	return settings && other &&
	       !is_over(settings, bpf_ktime_get_ns(), protocol, connection, other);
}

SEC("iter/bpf_map_elem")
int list_conntrack(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct ipv4_key *key = element->key;
	struct connection *connection = element->value;
	struct translation *to;

	if (!key || !connection || connection->translation.direction != DIRECTION_REQUEST)
		return 0;
	to = &connection->translation;
	BPF_SEQ_PRINTF(list, "%u %pI4 %u %pI4 %u %pI4 %u %u %pI4 %u %u\n", key->protocol,
		       &key->source, bpf_ntohs(key->source_port), &key->destination,
		       bpf_ntohs(key->destination_port), &to->source, bpf_ntohs(to->source_port),
		       to->backend, &to->destination, bpf_ntohs(to->destination_port),
		       is_open(key->protocol, connection));
	return 0;
}

char _license[] SEC("license") = "GPL";
