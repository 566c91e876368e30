/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_maglev: the builder. It fills the slots of a service, in the kernel, while packets look at
 * them; and whatever changes with them, it changes too: one command does all or nothing. It is
 * never attached to a device: `bpftool prog run` starts it, with a struct command (maps/command.h)
 * for a packet.
 *
 *   backends -> turns -> table -> slots
 *
 *   command   what it does
 *   --------  --------------------------------------------------------------------------------
 *   BUILD     changes backends; fills a table by Maglev, or one slot after the other
 *             (SERVICE_HASH); takes it over into the slots, noting whose they were; writes the
 *             service
 *   DELETE    deletes the service, and changes (frees) its backends
 *   SETTLE    slots whose flows are all with their backend forget whose they were
 */
#define MAP_PINNING LIBBPF_PIN_NONE /* it joins the maps of the load balancer's program */
#include "../headers/maglev/backends.h"
#include "../headers/maglev/takeover.h"
#include "../headers/maglev/order.h"
#include "../maps/command.h"

/* Notes that the address is a VIP, or that it is none any more. */
static __always_inline void note_vip(const struct command *command)
{
	struct service_key key = {.address = command->key.address, .family = command->key.family};
	struct destination *destination = find_destination(ipv4_of(&key.address));
	struct service nobody = {};

	if (!destination)
		return;
	if (!command->is_vip)
		destination->vips -= !bpf_map_delete_elem(&services, &key);
	else
		destination->vips += !bpf_map_update_elem(&services, &key, &nobody, BPF_NOEXIST);
}

/* From here on, every packet sees the service as it is now. */
static __always_inline void note_change(const struct command *command)
{
	struct destination *destination = find_destination(ipv4_of(&command->key.address));

	if (destination)
		__sync_fetch_and_add(&destination->changes, 1);
}

static __always_inline __u32 build_service(struct xdp_md *ctx, struct command *command,
					   struct changing *changing,
					   const struct load_balancer *lb)
{
	struct service *before = bpf_map_lookup_elem(&services, &command->key);
	struct service *service = &command->service;
	__u64 now = bpf_ktime_get_ns(), until = now + lb->window * 1000000000ULL;
	__u32 failed;

	service->learns_until = before ? before->learns_until : 0;
	if (until < service->learns_until)
		until = service->learns_until;
	changing->first = service->first;
	changing->fresh = !before || before->first != service->first ||
			  before->slots != service->slots ||
			  ((before->flags ^ service->flags) & SERVICE_STICKY);
	changing->tracked = lb->window != 0;
	changing->learning = now < service->learns_until;

	bpf_loop(command->changes, change_backend, &ctx, 0);
	failed = fill_table(service);
	if (failed)
		return failed;
	/* Packets have to know that we learn before they see the first slot that has changed. */
	if (before && changing->tracked)
		before->learns_until = until;
	note_change(command);
	bpf_loop(service->slots, change_slot, NULL, 0);
	if (changing->changed && !changing->fresh && changing->tracked)
		service->learns_until = until;
	note_vip(command);
	if (bpf_map_update_elem(&services, &command->key, service, BPF_ANY))
		return COMMAND_NO_ROOM;
	note_change(command);
	forget_flows();
	return changing->changed;
}

static __always_inline __u32 delete_service(struct xdp_md *ctx, const struct command *command)
{
	bpf_map_delete_elem(&services, &command->key);
	note_vip(command);
	note_change(command);
	bpf_loop(command->changes, change_backend, &ctx, 0);
	forget_flows();
	return 0;
}

static __always_inline __u32 settle_service(const struct command *command,
					    struct settling *settling)
{
	struct service *service = bpf_map_lookup_elem(&services, &command->key);

	if (!service || service->slots > MAX_SERVICE_SLOTS)
		return COMMAND_MALFORMED;
	settling->service = service->id;
	settling->first = service->first;
	settling->wait = bpf_ktime_get_ns() < service->learns_until;
	bpf_loop(service->slots, clear, NULL, 0);
	/* In this order: a flow that moves from new_flows to flows meanwhile is seen in one of
	 * them. */
	bpf_for_each_map_elem(&new_flows, mark_slot, NULL, 0);
	bpf_for_each_map_elem(&flows, mark_slot, NULL, 0);
	bpf_loop(service->slots, settle_slot, NULL, 0);
	forget_flows();
	return settling->left;
}

/* Returns what enum command_error says, or the number that the command is about. */
SEC("xdp.frags")
int xdp_maglev(struct xdp_md *ctx)
{
	struct load_balancer *lb = this_load_balancer();
	struct changing *changing = this_changing();
	struct settling *settling = this_settling();
	struct command command;

	if (!lb || !changing || !settling ||
	    bpf_xdp_load_bytes(ctx, 0, &command, sizeof(command)) ||
	    command.changes > 2 * MAX_SERVICE_BACKENDS ||
	    bpf_xdp_get_buff_len(ctx) <
		    sizeof(command) + command.changes * sizeof(struct backend_change))
		return COMMAND_MALFORMED;
	*changing = (struct changing){};
	*settling = (struct settling){};
	switch (command.operation) {
	case COMMAND_BUILD:
		return build_service(ctx, &command, changing, lb);
	case COMMAND_DELETE:
		return delete_service(ctx, &command);
	case COMMAND_SETTLE:
		return settle_service(&command, settling);
	default:
		return COMMAND_MALFORMED;
	}
}

char _license[] SEC("license") = "GPL";
