/* SPDX-License-Identifier: GPL-2.0-only */
/* list_prefixes: who may use which service, as text, a line for each prefix:
 *
 *   SERVICE RULE ADDRESS BITS
 *
 * SERVICE is the service's id; RULE is a number (maps/clients.h). Pinned by scripts/lb; read by it,
 * or by cat.
 */
#define MAP_DEFINITION extern /* its structs alone are needed: the map comes with the element */
#include "../headers/list/address.h"
#include "../headers/list/element.h"
#include "../maps/prefixes.h"

SEC("iter/bpf_map_elem")
int list_prefixes(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct client_entry *entry = element->value;
	struct client_key *key = element->key;

	if (!key || !entry)
		return 0;
	BPF_SEQ_PRINTF(list, "%u %u ", key->service, entry->rule);
	print_address(list, &key->address, key->family);
	BPF_SEQ_PRINTF(list, " %u\n", key->bits - CLIENT_KEY_BITS);
	return 0;
}

char _license[] SEC("license") = "GPL";
