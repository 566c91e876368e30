/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_maglev: the builder. It fills the slots of a service, in the kernel, while packets look at
 * them; and it makes the changes to backends that come with it: one command does all or nothing. It
 * is never attached to a device: `bpftool prog run` starts it, with a struct command
 * (maps/types/command.h) for a packet.
 *
 *   backends -> turns -> table -> slots
 *
 *   command   what it does
 *   --------  --------------------------------------------------------------------------------
 *   BUILD     changes backends; fills a table by Maglev, or one slot after the other
 *             (SERVICE_HASH); takes it over into the slots, noting whose they were; writes the
 *             service
 *   DELETE    the end of what BUILD has begun: deletes the service, and frees its backends
 */
#define MAP_PINNING LIBBPF_PIN_NONE /* it joins the maps of the load balancer's program */
#include "../headers/maglev/backends.h"
#include "../headers/maglev/checks.h"
#include "../headers/maglev/clients.h"
#include "../headers/maglev/fill.h"
#include "../headers/maglev/forget.h"
#include "../headers/maglev/server_ids.h"
#include "../headers/maglev/takeover.h"
#include "../maps/limits.h"
#include "../maps/types/command.h"

/* Notes that the address is a VIP, or that it is none any more. */
static __always_inline void note_vip(const struct command *command)
{
	struct service_key key = {.address = command->key.address, .family = command->key.family};
	struct destination *destination = find_destination(&key.address, key.family);
	struct service nobody = {};

	if (!destination)
		return;
	if (!command->is_vip)
		destination->vips -= !bpf_map_delete_elem(&services, &key);
	else
		destination->vips += !bpf_map_update_elem(&services, &key, &nobody, BPF_NOEXIST);
}

/* From here on, every packet sees the service as it is now: what was cached of it is outdated. */
static __always_inline void outdate_caches(const struct command *command)
{
	struct destination *destination =
		find_destination(&command->key.address, command->key.family);

	if (destination)
		__sync_fetch_and_add(&destination->changes, 1);
}

/* Returns how many slots each slot of the service becomes; 0 if its flows fall on other slots than
 * before. */
static __always_inline __u32 split_of(const struct service *before, const struct service *service)
{
	if (!before || !before->slots || service->slots % before->slots ||
	    ((before->flags ^ service->flags) & SERVICE_STICKY))
		return 0;
	return service->slots / before->slots;
}

/* Carries out the changes that a command brings. Returns 0 or an error. */
static __always_inline __u32 carry_out(struct xdp_md *ctx, const struct command *command)
{
	if (change_clients(ctx, command) || change_server_ids(ctx, command))
		return COMMAND_NO_ROOM;
	change_backends(ctx, command);
	change_checks(ctx, command);
	bpf_map_update_elem(&limits, &command->service.id, &command->limit, BPF_ANY);
	return 0;
}

static __always_inline __u32 build_service(struct xdp_md *ctx, struct command *command,
					   const struct load_balancer *lb)
{
	struct service *before = bpf_map_lookup_elem(&services, &command->key);
	struct service *service = &command->service;
	__u64 now = bpf_ktime_get_ns(), until = now + lb->window * SECOND;
	struct filling *filling = this_filling();
	struct takeover takeover = {
		.filling = filling,
		.first = service->first,
		.repeat = command->table ? service->slots / command->table : 0,
		.before = before ? before->first : 0,
		.split = split_of(before, service),
		.tracked = lb->window != 0,
		.unseen = !!(lb->flags & LB_BACKEND),
	};
	__u32 failed;

	if (!filling || takeover.repeat * command->table != service->slots)
		return COMMAND_MALFORMED;
	service->learns_until = before ? before->learns_until : 0;
	if (until < service->learns_until)
		until = service->learns_until;
	takeover.learning = !takeover.unseen && now < service->learns_until;

	failed = carry_out(ctx, command);
	if (!failed)
		failed = fill_table(filling, service, command->table);
	if (failed)
		return failed;
	/* Packets have to know that we learn before they see the first slot in transition. */
	if (before && takeover.tracked)
		before->learns_until = until;
	outdate_caches(command);
	bpf_loop(service->slots, take_over, &takeover, 0);
	if (filling->moved && takeover.split && takeover.tracked)
		service->learns_until = until;
	note_vip(command);
	if (bpf_map_update_elem(&services, &command->key, service, BPF_ANY))
		return COMMAND_NO_ROOM;
	outdate_caches(command);
	forget_flows();
	return filling->moved;
}

static __always_inline __u32 delete_service(struct xdp_md *ctx, const struct command *command)
{
	bpf_map_delete_elem(&services, &command->key);
	note_vip(command);
	outdate_caches(command);
	carry_out(ctx, command);
	end_traffic(command->service.id);
	forget_flows();
	return 0;
}

/* Returns what enum command_error says, or the number that the command is about. */
SEC("xdp.frags")
int xdp_maglev(struct xdp_md *ctx)
{
	struct load_balancer *lb = this_load_balancer();
	struct command command;

	if (!lb || bpf_xdp_load_bytes(ctx, 0, &command, sizeof(command)) ||
	    command.changes > MAX_COMMAND_CHANGES || command.clients > MAX_COMMAND_CHANGES ||
	    command.server_ids > MAX_COMMAND_CHANGES ||
	    bpf_xdp_get_buff_len(ctx) < sizeof(command) + changes_length(&command) +
						!!command.checks * sizeof(struct checks))
		return COMMAND_MALFORMED;
	if (command.operation == COMMAND_BUILD)
		return build_service(ctx, &command, lb);
	if (command.operation == COMMAND_DELETE)
		return delete_service(ctx, &command);
	return COMMAND_MALFORMED;
}

char _license[] SEC("license") = "GPL";
