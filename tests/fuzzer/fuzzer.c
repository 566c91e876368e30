/* SPDX-License-Identifier: GPL-2.0-only */
/* fuzzer: sends mutated frames through XDP programs (BPF_PROG_TEST_RUN), and judges what comes of
 * them. tests/fuzz makes the node that it runs on.
 *
 * usage: fuzzer services
 *            prints the services that the judges know, as `lb restore` reads them
 *        fuzzer run COUNT SEED FIRST [PROGRAM]
 *            sends packets FIRST ... FIRST + COUNT - 1 of this seed, or those of them that are for
 *            this program. Reads from standard input
 *            what there is: lines "counters PATH NAME..." (a map, and what its elements count),
 *            and "program NAME PATH", of the counters before it.
 *
 * Exit status: 0, 1 (a finding), 2 (it could not be run).
 */
#include "judge.h"

#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MAX_PROGRAMS 32
#define SHOWN 512 /* bytes of a frame that are printed: the command prints it again */
#define TURN                                                                                       \
	64 /* packets; after so many, all counters are read, and ICMP errors may be sent again */

struct fuzzing {
	uint64_t seed;
	struct program programs[MAX_PROGRAMS];
	unsigned program_count;
	struct counters counters[2];
	unsigned counters_count;
	unsigned devices[2]; /* indices of eth0 and eth1 */
	const char *only;    /* NULL, or the only program that gets its packets */
};

static int is(const char *a, const char *b)
{
	return !strcmp(a, b);
}

static void set_counters(struct counters *counters)
{
	const char *word = strtok(NULL, " \n");

	counters->map = open_pinned(word);
	while ((word = strtok(NULL, " \n")) && counters->count < MAX_COUNTERS)
		snprintf(counters->names[counters->count++], sizeof(counters->names[0]), "%s",
			 word);
	read_counters(counters);
}

static void read_setup(struct fuzzing *f)
{
	static char line[4096];
	const char *word, *path;

	while (fgets(line, sizeof(line), stdin)) {
		word = strtok(line, " \n");
		if (word && is(word, "counters") && f->counters_count < 2) {
			set_counters(&f->counters[f->counters_count++]);
		} else if (word && is(word, "program") && f->program_count < MAX_PROGRAMS) {
			word = strtok(NULL, " \n");
			path = strtok(NULL, " \n");
			f->programs[f->program_count++] =
				open_program(word, path, &f->counters[f->counters_count - 1]);
		} else {
			die(word ?: "an empty line");
		}
	}
	f->devices[0] = if_nametoindex("eth0");
	f->devices[1] = if_nametoindex("eth1");
	if (!f->devices[0] || !f->devices[1] || !f->program_count)
		die("eth0, eth1, programs");
}

/* A listening socket, so that xdp_relay asks whether the connection is here. */
static void listen_on(int family, unsigned port)
{
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(family, SOCK_STREAM, 0), yes = 1;

	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (fd < 0 ||
	    (family == AF_INET ? bind(fd, (void *)&any, sizeof(any))
			       : bind(fd, (void *)&any6, sizeof(any6))) ||
	    listen(fd, 1))
		die("listen");
}

static enum taste taste_of(const struct program *program)
{
	if (is(program->name, "xdp_nat"))
		return TASTE_NAT;
	if (is(program->name, "xdp_decap") || is(program->name, "xdp_relay"))
		return TASTE_DECAP;
	return TASTE_BALANCER;
}

/* Which counters go with which action: all others with DROP. */
static int action_fits(const struct trial *trial)
{
	static const char *const passed[] = {"not_ours", "local", "plain", "decapsulated", NULL};
	static const char *const sent[] = {"forwarded", "ttl_answered", "too_big_answered",
					   "reset",	"handed_on",	NULL};
	static const char *const redirected[] = {"redirected", "handed_aside", "probe",
						 "probe_answer", NULL};
	static const struct {
		enum action action;
		const char *const *counters;
	} table[] = {{PASS, passed}, {TX, sent}, {REDIRECT, redirected}};

	for (unsigned i = 0; i < 3; i++)
		for (const char *const *name = table[i].counters; *name; name++)
			if (is(trial->counter, *name))
				return trial->action == table[i].action;
	return trial->action == DROP && !is(trial->counter, "bug");
}

static const char *judge(const struct trial *trial)
{
	static const char *const actions[] = {"aborted", "drop", "pass", "tx", "redirect"};

	if (!action_fits(trial))
		return wrong("%s, counted as %s", actions[trial->action], trial->counter);
	if (trial->action == PASS && !is(trial->counter, "decapsulated") &&
	    (trial->in->length != trial->out->length ||
	     memcmp(trial->in->bytes, trial->out->bytes, trial->in->length)))
		return wrong("what passes has changed");
	switch (taste_of(trial->program)) {
	case TASTE_NAT:
		return judge_nat(trial);
	case TASTE_DECAP:
		return judge_decap(trial);
	default:
		return judge_balancer(trial);
	}
}

static void print_frame(const char *title, const struct frame *frame)
{
	unsigned shown = frame->length < SHOWN ? frame->length : SHOWN;

	printf("%s, %u bytes:", title, frame->length);
	for (unsigned i = 0; i < shown; i++)
		printf("%s%02x", i % 32 == 0 ? "\n" : i % 4 == 0 ? " " : "", frame->bytes[i]);
	printf(shown < frame->length ? " ...\n" : "\n");
}

static void report(const struct fuzzing *f, uint64_t number, const struct trial *trial,
		   const char *complaint)
{
	printf("finding: packet %lu of seed %lu, %s, in by %s: %s\n", number, f->seed,
	       trial->program->name, trial->by_other ? "eth1" : "eth0", complaint);
	print_frame("before", trial->in);
	print_frame("after", trial->out);
	printf("again: tests/fuzz 1 %lu:%lu   (alone), or, with all that came before:\n"
	       "       tests/fuzz %lu %lu\n",
	       f->seed, number, number + 1, f->seed);
}

/* Returns what is wrong with what a program has made of a frame, or NULL. */
static const char *judge_trial(struct program *program, struct trial *trial, int is_turn)
{
	int moved;

	if (trial->action > REDIRECT)
		return wrong("action %u", trial->action);
	moved = moved_counter(program->counters, trial->action);
	if (moved < 0)
		return wrong("no counter has gone up by one");
	program->verdicts[moved]++;
	trial->counter = program->counters->names[moved];
	if (is_turn && !counters_are_right(program->counters))
		return wrong("one of the last %u packets was counted twice", TURN);
	return judge(trial);
}

/* Sends one packet through one program. Returns whether that went well. */
static int try(struct fuzzing *f, uint64_t number)
{
	static struct frame in, out;
	struct chance chance = chance_of(f->seed, number);
	struct program *program = &f->programs[pick(&chance, f->program_count)];
	struct trial trial = {.program = program, .in = &in, .out = &out};
	const char *complaint;

	if (f->only && !is(f->only, program->name))
		return 1;
	trial.by_other = !pick(&chance, 8);
	make_frame(&chance, taste_of(program), &in);
	for (unsigned i = 0; i < f->program_count && number % TURN == 0; i++)
		refill_budget(&f->programs[i]);
	trial.action = run_program(program, f->devices[trial.by_other], &in, &out);
	complaint = judge_trial(program, &trial, number % TURN == 0);
	if (complaint)
		report(f, number, &trial, complaint);
	return !complaint;
}

/* Prints which frames have become what. */
static void print_coverage(const struct fuzzing *f)
{
	for (const struct program *p = f->programs; p < f->programs + f->program_count; p++) {
		printf("%s:", p->name);
		for (unsigned i = 0; i < p->counters->count; i++)
			if (p->verdicts[i])
				printf(" %s %lu", p->counters->names[i], p->verdicts[i]);
		printf("\n");
	}
}

/* What is seen in a million packets many times: without it, the frames are not what they should be.
 */
static const char *const needed[] = {
	[TASTE_BALANCER] =
		"not_ours local forwarded redirected too_big_answered malformed unreadable "
		"fragment_unknown no_backend no_route no_neighbour too_big",
	[TASTE_NAT] = "not_ours local forwarded redirected ttl_answered too_big_answered malformed "
		      "unreadable fragment_unknown no_backend no_route no_neighbour ttl_expired "
		      "too_big no_connection late_reply untranslatable",
	[TASTE_DECAP] = "plain decapsulated malformed unreadable outer_fragment source_refused "
			"destination_refused tunnel_refused nested vip_refused congested",
};

/* What only some of the programs do. */
static const struct {
	const char *program, *counters;
} needed_too[] = {
	{"xdp_l2dsr", "loop"},
	{"xdp_ipip", "ttl_answered ttl_expired"},
	{"xdp_relay", "handed_on handed_aside no_way"},
};

/* Returns how many of these counters a program has hardly ever, and prints them. */
static int count_missing(const struct program *program, const char *counters, uint64_t enough)
{
	int missing = 0, length;

	for (; *counters; counters += length + (counters[length] == ' ')) {
		length = strcspn(counters, " ");
		for (unsigned i = 0; i < program->counters->count; i++) {
			const char *name = program->counters->names[i];

			if (strlen(name) == (size_t)length && !strncmp(name, counters, length) &&
			    program->verdicts[i] < enough) {
				printf("finding: %s has %s too seldom\n", program->name, name);
				missing++;
			}
		}
	}
	return missing;
}

static int count_all_missing(const struct fuzzing *f, uint64_t count)
{
	uint64_t enough = count / 100000;
	int missing = 0;

	for (const struct program *p = f->programs; p < f->programs + f->program_count; p++) {
		missing += count_missing(p, needed[taste_of(p)], enough);
		for (unsigned i = 0; i < sizeof(needed_too) / sizeof(*needed_too); i++)
			if (is(p->name, needed_too[i].program))
				missing += count_missing(p, needed_too[i].counters, enough);
	}
	return missing;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static int run(struct fuzzing *f, uint64_t count, uint64_t first)
{
	double start = now(), seconds;
	uint64_t number = first, findings = 0;

	signal(SIGINT, stop); /* then it says how far it came */
	signal(SIGTERM, stop);
	while (number < first + count && !findings && !stopped)
		findings += !try(f, number++);
	seconds = now() - start;
	print_coverage(f);
	if (!findings && !f->only && !stopped)
		findings = count_all_missing(f, count);
	printf("%lu packets, %.1f s, %.0f packets/s, %lu findings\n", number - first, seconds,
	       (number - first) / seconds, findings);
	return findings > 0;
}

int main(int argc, char **argv)
{
	static struct fuzzing fuzzing;

	set_cast();
	if (argc == 2 && is(argv[1], "services")) {
		print_services();
		return 0;
	}
	if ((argc != 5 && argc != 6) || !is(argv[1], "run")) {
		fputs("usage: fuzzer services\n       fuzzer run COUNT SEED FIRST [PROGRAM]\n",
		      stderr);
		return 2;
	}
	fuzzing.only = argv[5]; /* or NULL, at the end of argv */
	fuzzing.seed = strtoull(argv[3], NULL, 10);
	for (int i = 0; i < 4; i++)
		listen_on(i & 1 ? AF_INET : AF_INET6, i & 2 ? 8000 : 8600);
	read_setup(&fuzzing);
	return run(&fuzzing, strtoull(argv[2], NULL, 10), strtoull(argv[4], NULL, 10));
}
