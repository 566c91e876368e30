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

/* The value of a counter, on each CPU. */
struct value {
	uint64_t packets, bytes;
};

static uint64_t total(const struct value *values)
{
	uint64_t sum = 0;

	for (unsigned cpu = 0; cpu < cpus(); cpu++)
		sum += values[cpu].packets;
	return sum;
}

static uint64_t read_counter(const struct counters *counters, uint32_t index)
{
	static struct value values[MAX_CPUS];
	union bpf_attr attr = {
		.map_fd = counters->map,
		.key = (uintptr_t)&index,
		.value = (uintptr_t)values,
	};

	if (bpf(BPF_MAP_LOOKUP_ELEM, &attr))
		die("counters");
	return total(values);
}

void read_counters(struct counters *counters)
{
	for (unsigned i = 0; i < counters->count; i++) {
		counters->packets[i] = read_counter(counters, i);
		for (unsigned action = 0; action <= REDIRECT; action++)
			counters->order[action][i] = i;
	}
}

int moved_counter(struct counters *counters, enum action action)
{
	unsigned *order = counters->order[action], index;

	for (unsigned i = 0; i < counters->count; i++) {
		index = order[i];
		if (read_counter(counters, index) != counters->packets[index] + 1)
			continue;
		counters->packets[index]++;
		if (i > 0) {
			order[i] = order[i - 1];
			order[i - 1] = index;
		}
		return index;
	}
	return -1;
}

int counters_are_right(struct counters *counters)
{
	for (unsigned i = 0; i < counters->count; i++)
		if (read_counter(counters, i) != counters->packets[i])
			return 0;
	return 1;
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
