/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_settle: ends the transition of slots. A slot that has got another backend remembers whose it
 * was, and its flows are looked up (headers/lb/tracking.h). Once all of them are with the slot's
 * backend, the slot settles: it forgets whose it was, and the hash alone decides again.
 *
 * It is never attached to a device: `bpftool prog run` starts it, with a struct command
 * (maps/types/command.h) for a packet.
 *
 *   flows -> marks on slots that they need -> the others settle -> flows of settled slots are
 * deleted
 *
 *   command   what it does
 *   --------  --------------------------------------------------------------------------------
 *   SETTLE    settles the slots of a service; returns how many are still waiting
 */
#define MAP_PINNING LIBBPF_PIN_NONE /* it joins the maps of the load balancer's program */
#include "../headers/maglev/forget.h"
#undef MAP_DEFINITION
#define MAP_DEFINITION extern /* a command can change more maps than are needed here */
#include "../maps/types/command.h"

/* The program's own scratch memory: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SERVICE_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} marks SEC(".maps"); /* 1: a flow of this slot of the service is with another backend */

struct settling {
	__u32 service; /* id */
	__u32 first;   /* of its slots */
	__u32 learns;  /* 1: flows that nobody knows yet may need any slot */
	__u32 waiting; /* how many slots cannot be settled */
};

/* A step over the slots (a callback of bpf_loop). */
static long clear_mark(__u32 i, void *unused)
{
	__u32 *mark = bpf_map_lookup_elem(&marks, &i);

	if (mark)
		*mark = 0;
	return 0;
}

/* A step over all flows (a callback of bpf_for_each_map_elem): marks the slot of one that is not
 * with the slot's backend. */
static long mark_slot(void *map, const struct connection_key *key, const struct tracked_flow *known,
		      struct settling *settling)
{
	struct connection_key copy = *key;
	struct service *service;
	struct slot *slot;
	__u32 index, *mark;
	__s64 needed;

	needed = needed_for(&copy, known, &service);
	if (needed < 0 || service->id != settling->service)
		return 0;
	slot = slot_at(needed);
	index = needed - settling->first;
	mark = bpf_map_lookup_elem(&marks, &index);
	if (slot && mark && slot->now != known->backend)
		*mark = 1;
	return 0;
}

/* A step over the slots: settles one that is not marked. */
static long settle_slot(__u32 i, struct settling *settling)
{
	__u32 *mark = bpf_map_lookup_elem(&marks, &i);
	struct slot *slot = slot_at(settling->first + i), value;

	if (!mark || !slot)
		return 1;
	value = read_slot(slot);
	if (value.now == value.was)
		return 0;
	if (*mark || settling->learns)
		settling->waiting++;
	else
		write_slot(slot, (struct slot){value.now, value.now});
	return 0;
}

static __always_inline __u32 settle(const struct service *service)
{
	struct settling settling = {
		.service = service->id,
		.first = service->first,
		.learns = bpf_ktime_get_ns() < service->learns_until,
	};

	bpf_loop(service->slots, clear_mark, NULL, 0);
	/* In this order: a flow that moves from new_flows to flows meanwhile is seen in one of
	 * them. */
	bpf_for_each_map_elem(&new_flows, mark_slot, &settling, 0);
	bpf_for_each_map_elem(&flows, mark_slot, &settling, 0);
	bpf_loop(service->slots, settle_slot, &settling, 0);
	forget_flows();
	return settling.waiting;
}

/* Returns how many slots are still waiting, or what enum command_error says. */
SEC("xdp.frags")
int xdp_settle(struct xdp_md *ctx)
{
	struct command command;
	struct service *service;

	if (bpf_xdp_load_bytes(ctx, 0, &command, sizeof(command)) ||
	    command.operation != COMMAND_SETTLE)
		return COMMAND_MALFORMED;
	service = bpf_map_lookup_elem(&services, &command.key);
	if (!service || service->slots > MAX_SERVICE_SLOTS)
		return COMMAND_MALFORMED;
	return settle(service);
}

char _license[] SEC("license") = "GPL";
