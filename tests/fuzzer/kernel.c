/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_CPUS 1024

void die(const char *what)
{
	fprintf(stderr, "fuzzer: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return syscall(__NR_bpf, command, attr, sizeof(*attr));
}

int open_pinned(const char *path)
{
	union bpf_attr attr = {.pathname = (uintptr_t)path};
	int fd = bpf(BPF_OBJ_GET, &attr);

	if (fd < 0)
		die(path);
	return fd;
}

/* Returns the map with this id if it has this name, or -1. */
static int map_called(uint32_t id, const char *name)
{
	union bpf_attr by_id = {.map_id = id}, attr = {0};
	struct bpf_map_info info = {0};
	int fd = bpf(BPF_MAP_GET_FD_BY_ID, &by_id);

	attr.info.bpf_fd = fd;
	attr.info.info = (uintptr_t)&info;
	attr.info.info_len = sizeof(info);
	if (fd < 0 || bpf(BPF_OBJ_GET_INFO_BY_FD, &attr))
		die("map");
	if (!strcmp(info.name, name))
		return fd;
	close(fd);
	return -1;
}

struct program open_program(const char *name, const char *path, struct counters *counters)
{
	struct program program = {.fd = open_pinned(path), .budgets = -1, .counters = counters};
	uint32_t maps[64];
	struct bpf_prog_info info = {.map_ids = (uintptr_t)maps, .nr_map_ids = 64};
	union bpf_attr attr = {0};

	snprintf(program.name, sizeof(program.name), "%s", name);
	attr.info.bpf_fd = program.fd;
	attr.info.info = (uintptr_t)&info;
	attr.info.info_len = sizeof(info);
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr))
		die(path);
	for (unsigned i = 0; i < info.nr_map_ids && program.budgets < 0; i++)
		program.budgets = map_called(maps[i], "icmp_budgets");
	return program;
}

/* How many CPUs a per-CPU map has values for. */
static unsigned cpus(void)
{
	static unsigned count;
	unsigned from, to;
	FILE *file;

	if (count)
		return count;
	file = fopen("/sys/devices/system/cpu/possible", "r");
	if (!file)
		die("CPUs");
	count = fscanf(file, "%u-%u", &from, &to) == 2 ? to + 1 : 1;
	fclose(file);
	return count <= MAX_CPUS ? count : MAX_CPUS;
}

int moved_counter(struct counters *counters)
{
	static struct {
		uint64_t packets, bytes;
	} values[MAX_COUNTERS * MAX_CPUS];
	uint32_t keys[MAX_COUNTERS], batch;
	union bpf_attr attr = {0};
	int moved = -1, many = 0;

	attr.batch.out_batch = (uintptr_t)&batch;
	attr.batch.keys = (uintptr_t)keys;
	attr.batch.values = (uintptr_t)values;
	attr.batch.count = counters->count;
	attr.batch.map_fd = counters->map;
	if (bpf(BPF_MAP_LOOKUP_BATCH, &attr) && errno != ENOENT)
		die("counters");
	for (unsigned i = 0; i < counters->count; i++) {
		uint64_t sum = 0;

		for (unsigned cpu = 0; cpu < cpus(); cpu++)
			sum += values[i * cpus() + cpu].packets;
		if (sum != counters->packets[i]) {
			many += sum - counters->packets[i] == 1 ? 1 : 2;
			moved = i;
		}
		counters->packets[i] = sum;
	}
	return many == 1 ? moved : -1;
}

void refill_budget(const struct program *program)
{
	static uint64_t full[2 * MAX_CPUS];
	uint32_t key = 0;
	union bpf_attr attr = {
		.map_fd = program->budgets,
		.key = (uintptr_t)&key,
		.value = (uintptr_t)full,
	};

	if (program->budgets >= 0 && bpf(BPF_MAP_UPDATE_ELEM, &attr))
		die("icmp_budgets");
}

enum action run_program(const struct program *program, unsigned ifindex, const struct frame *in,
			struct frame *out)
{
	struct xdp_md context = {.data_end = in->length, .ingress_ifindex = ifindex};
	union bpf_attr attr = {0};

	attr.test.prog_fd = program->fd;
	attr.test.data_in = (uintptr_t)in->bytes;
	attr.test.data_size_in = in->length;
	attr.test.data_out = (uintptr_t)out->bytes;
	attr.test.data_size_out = sizeof(out->bytes);
	attr.test.ctx_in = (uintptr_t)&context;
	attr.test.ctx_size_in = sizeof(context);
	if (bpf(BPF_PROG_TEST_RUN, &attr))
		die("BPF_PROG_TEST_RUN");
	out->length = attr.test.data_size_out;
	return attr.test.retval;
}
