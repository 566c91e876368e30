/* SPDX-License-Identifier: GPL-2.0-only */
/* judge: what must come of a frame. Each judge is a model of a program, from the table in its head
 * and the RFCs. */
#ifndef FUZZER_JUDGE_H
#define FUZZER_JUDGE_H

#include "kernel.h"

/* A program has seen a frame. */
struct trial {
	const struct program *program;
	const struct frame *in, *out;
	enum action action;
	const char *counter; /* the one that has counted it */
	int by_other;	     /* it came in by eth1, not by eth0 */
};

/* Each returns what is wrong, or NULL. */
const char *judge_balancer(const struct trial *trial);
const char *judge_nat(const struct trial *trial);
const char *judge_decap(const struct trial *trial);

/* ---- What they share ---- */

/* Returns a text that stays until the next call. */
__attribute__((format(printf, 1, 2))) const char *wrong(const char *format, ...);

/* Where fragments of a packet go: `what` is for who asks. A program may forget a note, but it
 * cannot know more than was noted. */
void note_fragment(const struct trial *trial, const struct view *view, const void *what);
int recall_fragment(const struct trial *trial, const struct view *view, const void **what);

/* Whether a counter is one of two (the second may be NULL): else what is wrong. */
const char *counted(const struct trial *trial, const char *one, const char *other);

/* Whether the sender of a packet may get an ICMP error (RFC 1122, 3.2.2; RFC 4443, 2.4). */
int is_answerable(const struct view *view);

/* The counters that a packet may have that is too large, or that ends here: *other is NULL, or the
 * second choice. */
const char *too_big(const struct view *view, unsigned mtu, const char **other);
const char *time_exceeded(const struct view *view, const char **other);

/* Looks at the ICMP error that a program has sent instead of a packet. `source` is in whose name.
 */
const char *check_error(const struct trial *trial, const struct view *view, unsigned mtu,
			const struct address *source);

/* Writes the link-layer header of the way to `hop`, which leads through no VLAN device. Returns its
 * length. */
unsigned write_link(const struct hop *hop, int family, uint8_t *to);

/* Writes an outer IP header for `length` bytes behind it. Returns its length. */
struct outer {
	const struct address *from;
	struct address to;
	unsigned protocol, class, mark, length;
};

unsigned write_outer(const struct outer *outer, uint8_t *to);

/* Returns NULL if what came out is this. */
const char *same_frame(const struct trial *trial, const uint8_t *want, unsigned length);

#endif
