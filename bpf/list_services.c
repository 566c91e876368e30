/* SPDX-License-Identifier: GPL-2.0-only */
/* list_services: the map of services as text, a line for each service:
 *
 *   ID PROTOCOL ADDRESS PORT FIRST SLOTS FLAGS NEED ID_BYTES LEARNS
 *
 * PROTOCOL and FLAGS are numbers. LEARNS: for how many seconds more it learns whose flows its slots
 * have. The entries that only say that an address is a VIP are left out. Pinned by scripts/lb; read
 * by it, or by cat.
 */
#define MAP_DEFINITION extern /* its structs alone are needed: the map comes with the element */
#include <bpf/bpf_endian.h>

#include "../headers/list/address.h"
#include "../headers/list/element.h"
#include "../maps/services.h"

#define SECOND 1000000000ULL /* ns */

SEC("iter/bpf_map_elem")
int list_services(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = begin_list(element);
	struct service_key *key = element->key;
	struct service *service = element->value;
	__u64 now = bpf_ktime_get_ns(), learns = 0;

	if (!key || !service || !service->id)
		return 0;
	if (service->learns_until > now)
		learns = (service->learns_until - now + SECOND - 1) / SECOND;
	BPF_SEQ_PRINTF(list, "%u %u ", service->id, key->protocol);
	print_address(list, &key->address, key->family);
	BPF_SEQ_PRINTF(list, " %u %u %u %u %u %u %llu\n", bpf_ntohs(key->port), service->first,
		       service->slots, service->flags, service->need, service->id_bytes, learns);
	return 0;
}

char _license[] SEC("license") = "GPL";
