/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel: runs a program on a frame, and reads its counters (bpf(2), without a library). */
#ifndef FUZZER_KERNEL_H
#define FUZZER_KERNEL_H

#include "frames.h"

#define MAX_COUNTERS 64

enum action { ABORTED, DROP, PASS, TX, REDIRECT };

/* The counters of a program, one for each way out. */
struct counters {
	int map;
	unsigned count;
	char names[MAX_COUNTERS][32];
	uint64_t packets[MAX_COUNTERS]; /* when they were last read */
};

struct program {
	char name[32];
	int fd;
	int budgets; /* its map icmp_budgets, or -1 */
	struct counters *counters;
	unsigned long verdicts[MAX_COUNTERS]; /* how many frames got which */
};

int open_pinned(const char *path);
struct program open_program(const char *name, const char *path, struct counters *counters);

/* Reads the counters. Returns which one has gone up by 1; or -1: not exactly one, or by more. */
int moved_counter(struct counters *counters);

/* The program may answer by ICMP again, as often as in a new second. */
void refill_budget(const struct program *program);

enum action run_program(const struct program *program, unsigned ifindex, const struct frame *in,
			struct frame *out);

__attribute__((noreturn)) void die(const char *what);

#endif
