/* SPDX-License-Identifier: GPL-2.0-only */
/* packets: runs XDP programs through the bpf(2) system call (BPF_PROG_TEST_RUN). bpftool does so
 * too, but prints whole nanoseconds, cannot take turns, and cannot send live frames.
 *
 * usage: packets time DEV ROUNDS RUNS <CASES
 *            A case is a line "NAME HOW PROGRAM DECK". HOW is "bare"; or "xdp" or "frags", as the
 *            program's section is: then deal.c gives every run a fresh frame.
 *            DECK is a file with a struct deck. The cases take
 *            turns, RUNS at a time, ROUNDS times, on frames that came in by DEV. Prints for each
 *            "NAME NANOSECONDS VERDICT TIMES": nanoseconds per run, the last verdict (0 aborted,
 *            1 drop, 2 pass, 3 tx, 4 redirect), and how often it was run. The nanoseconds are the
 *            mean over the fastest quarter of its turns; the others were disturbed.
 *        packets send DEV SECONDS PROGRAM DECK
 *            sends live frames for so long: they go where the verdict says, and tx is out of DEV.
 *            Prints "FRAMES SECONDS".
 *
 *        packets info PROGRAM
 *            prints how many instructions it has (translated), how many bytes it has as machine
 *            code, and how many instructions the verifier has looked at.
 *
 * PROGRAM is a path in bpffs or id:N. deal.c is expected in /sys/fs/bpf/deal.
 * Exit status: 0, 1 (a system call failed), 2 (usage).
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>

#define DEAL "/sys/fs/bpf/deal"
#define MAX_CASES 64
#define MAX_ROUNDS 1024
#define LIVE_RUNS 262144 /* frames between two looks at the clock */
#define LIVE_BATCH 64	 /* as many as a driver polls at once */

/* As in deal.h. */
#define HEAD 80
#define DECK_SIZE 368
#define DECK_FIRST 16 /* where its first template is: layout, length, and the first bytes */

struct deck {
	unsigned char bytes[DECK_SIZE];
};

struct test_case {
	char name[64];
	int program; /* under test */
	int target;  /* the map to put it in, or -1: it runs alone */
	int runner;  /* what is run */
	struct deck deck;
	unsigned int turns[MAX_ROUNDS]; /* ns per run in each, rounded down by the kernel */
	unsigned int verdict;
	unsigned long runs;
};

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "packets: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr, const char *what)
{
	int answer = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	if (answer < 0)
		die(what);
	return answer;
}

/* Returns a file descriptor of a program or map. */
static int open_pinned(const char *path)
{
	union bpf_attr attr = {.pathname = (uintptr_t)path};

	return bpf(BPF_OBJ_GET, &attr, path);
}

static int open_program(const char *name)
{
	union bpf_attr attr = {0};

	if (strncmp(name, "id:", 3))
		return open_pinned(name);
	attr.prog_id = atoi(name + 3);
	return bpf(BPF_PROG_GET_FD_BY_ID, &attr, name);
}

/* Writes the only element of an array. */
static void set(int map, const void *value)
{
	unsigned int key = 0;
	union bpf_attr attr = {
		.map_fd = map,
		.key = (uintptr_t)&key,
		.value = (uintptr_t)value,
	};

	bpf(BPF_MAP_UPDATE_ELEM, &attr, "map");
}

static struct deck read_deck(const char *path)
{
	struct deck deck;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, &deck, sizeof(deck)) != sizeof(deck))
		die(path);
	close(fd);
	return deck;
}

static unsigned int index_of(const char *dev)
{
	unsigned int index = if_nametoindex(dev);

	if (!index)
		die(dev);
	return index;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Runs a program `runs` times on a deck's first frame. Returns what the kernel says of it: duration
 * in ns per run, retval. `batch` is 0, or how many live frames go at once. */
static union bpf_attr run(int program, unsigned int ifindex, const struct deck *deck,
			  unsigned int runs, unsigned int batch)
{
	static unsigned char frame[2048];
	struct xdp_md ctx = {.ingress_ifindex = ifindex};
	union bpf_attr attr = {0};

	memcpy(&ctx.data_end, deck->bytes + DECK_FIRST + 4, 4);
	memcpy(frame, deck->bytes + DECK_FIRST + 8, HEAD);
	attr.test.prog_fd = program;
	attr.test.data_in = (uintptr_t)frame;
	attr.test.data_size_in = ctx.data_end;
	attr.test.ctx_in = (uintptr_t)&ctx;
	attr.test.ctx_size_in = sizeof(ctx);
	attr.test.repeat = runs;
	attr.test.batch_size = batch;
	attr.test.flags = batch ? BPF_F_TEST_XDP_LIVE_FRAMES : 0;
	bpf(BPF_PROG_TEST_RUN, &attr, "BPF_PROG_TEST_RUN");
	return attr;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Returns the mean over the lowest quarter of `n` numbers that were rounded down, which it sorts.
 */
static double fastest_quarter(unsigned int *numbers, int n)
{
	double sum = 0;
	int quarter = (n + 3) / 4;

	qsort(numbers, n, sizeof(*numbers), compare);
	for (int i = 0; i < quarter; i++)
		sum += numbers[i] + 0.5;
	return sum / quarter;
}

static void take_turns(const char *dev, int rounds, int runs)
{
	static struct test_case cases[MAX_CASES];
	char line[512], how[16], program[256], path[256];
	unsigned int ifindex = index_of(dev);
	int deck = open_pinned(DEAL "/deck");
	int n = 0;

	if (rounds < 1 || rounds > MAX_ROUNDS) {
		errno = EINVAL;
		die("rounds");
	}
	while (n < MAX_CASES && fgets(line, sizeof(line), stdin)) {
		struct test_case *c = &cases[n];

		if (sscanf(line, "%63s %15s %255s %255s", c->name, how, program, path) != 4) {
			errno = EINVAL;
			die(line);
		}
		c->program = open_program(program);
		if (!strcmp(how, "xdp")) {
			c->target = open_pinned(DEAL "/target");
			c->runner = open_pinned(DEAL "/deal_xdp");
		} else if (!strcmp(how, "frags")) {
			c->target = open_pinned(DEAL "/target_frags");
			c->runner = open_pinned(DEAL "/deal_frags");
		} else {
			c->target = -1;
			c->runner = c->program;
		}
		c->deck = read_deck(path);
		n++;
	}
	for (int i = 0; i < rounds; i++) {
		for (struct test_case *c = cases; c < cases + n; c++) {
			union bpf_attr said;

			set(deck, &c->deck);
			if (c->target >= 0)
				set(c->target, &c->program);
			said = run(c->runner, ifindex, &c->deck, runs, 0);
			c->turns[i] = said.test.duration;
			c->verdict = said.test.retval;
			c->runs += runs;
		}
	}
	for (struct test_case *c = cases; c < cases + n; c++)
		printf("%s %.2f %u %lu\n", c->name, fastest_quarter(c->turns, rounds), c->verdict,
		       c->runs);
}

static void send_live(const char *dev, double seconds, const char *name, const char *path)
{
	struct deck cards = read_deck(path);
	unsigned int ifindex = index_of(dev);
	int program = open_program(name);
	double start = now(), passed;
	unsigned long sent = 0;

	set(open_pinned(DEAL "/deck"), &cards);
	do {
		run(program, ifindex, &cards, LIVE_RUNS, LIVE_BATCH);
		sent += LIVE_RUNS;
		passed = now() - start;
	} while (passed < seconds);
	printf("%lu %.6f\n", sent, passed);
}

static void print_info(const char *name)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {0};

	attr.info.bpf_fd = open_program(name);
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, name);
	printf("%zu %u %u\n", info.xlated_prog_len / sizeof(struct bpf_insn), info.jited_prog_len,
	       info.verified_insns);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "time")) {
		take_turns(argv[2], atoi(argv[3]), atoi(argv[4]));
	} else if (argc == 6 && !strcmp(argv[1], "send")) {
		send_live(argv[2], atof(argv[3]), argv[4], argv[5]);
	} else if (argc == 3 && !strcmp(argv[1], "info")) {
		print_info(argv[2]);
	} else {
		fputs("usage: packets time DEV ROUNDS RUNS <CASES\n"
		      "       packets send DEV SECONDS PROGRAM DECK\n"
		      "       packets info PROGRAM\n",
		      stderr);
		return 2;
	}
	return 0;
}
