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
	uint64_t packets[MAX_COUNTERS]; /* what they should be, after all frames that were sent */
	/* For each action, which of them to look at first. */
	unsigned order[REDIRECT + 1][MAX_COUNTERS];
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

/* Reads all counters, and takes them for right. */
void read_counters(struct counters *counters);

/* Returns the counter that has gone up by 1 with a frame of this action, or -1: none has. It looks
 * at those first that are most likely, because each look costs a tenth of what a frame does. */
int moved_counter(struct counters *counters, enum action action);

/* Returns whether no other counter has moved: all of them are read, so it is for every now and
 * then. */
int counters_are_right(struct counters *counters);

/* The program may answer by ICMP again, as often as in a new second. */
void refill_budget(const struct program *program);

enum action run_program(const struct program *program, unsigned ifindex, const struct frame *in,
			struct frame *out);

__attribute__((noreturn)) void die(const char *what);

#endif
