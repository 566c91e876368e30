/* SPDX-License-Identifier: GPL-2.0-only */
/* list_shares: how many slots each backend has now, a line for each that has some:
 *
 *   ID SLOTS
 *
 * It is pinned with the map of services, and finds slots beside it. One reader at a time: two would
 * count into the same memory. Pinned by scripts/lb; read by it, or by cat.
 */
#define MAP_DEFINITION extern /* its structs alone are needed: the map comes with the element */
#include "../headers/list/element.h"
#include "../maps/services.h"
#include "../maps/slots.h"

/* The program's own scratch memory: not pinned. All of it is 0 again after each service. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_BACKENDS);
	__type(key, __u32);
	__type(value, __u32);
} shares SEC(".maps"); /* by id: slots so far */

struct counting {
	struct seq_file *list;
	__u32 first; /* of the service's slots */
};

/* Returns the share of the backend that has slot `index`, and sets *id to it; NULL if nobody has.
 */
static __always_inline __u32 *share_of(__u32 index, __u32 *id)
{
	struct slot *slot = slot_at(index);

	*id = slot ? slot->now : 0;
	return *id ? bpf_map_lookup_elem(&shares, id) : NULL;
}

/* Two steps over the slots of a service (callbacks of bpf_loop). */
static long count_slot(__u32 i, struct counting *counting)
{
	__u32 id, *share = share_of(counting->first + i, &id);

	if (share)
		(*share)++;
	return 0;
}

static long print_share(__u32 i, struct counting *counting)
{
	__u32 id, *share = share_of(counting->first + i, &id);

	if (share && *share) {
		BPF_SEQ_PRINTF(counting->list, "%u %u\n", id, *share);
		*share = 0;
	}
	return 0;
}

SEC("iter/bpf_map_elem")
int list_shares(struct bpf_iter__bpf_map_elem *element)
{
	struct counting counting = {.list = begin_list(element)};
	struct service *service = element->value;
	__u32 slots;

	if (!element->key || !service || !service->id)
		return 0;
	counting.first = service->first;
	slots = service->slots;
	bpf_loop(slots, count_slot, &counting, 0);
	bpf_loop(slots, print_share, &counting, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
