/* SPDX-License-Identifier: GPL-2.0-only */
/* frames: good packets of every kind, and what chance makes of them. */
#ifndef FUZZER_FRAMES_H
#define FUZZER_FRAMES_H

#include "cast.h"
#include "wire.h"

/* A source of numbers (S. Vigna, splitmix64): one seed gives the same numbers for ever. */
struct chance {
	uint64_t state;
};

struct chance chance_of(uint64_t seed, uint64_t number);

/* Returns 0 ... n-1. */
unsigned pick(struct chance *chance, unsigned n);

struct frame {
	uint8_t bytes[MAX_FRAME];
	unsigned length;
};

/* What a program is for, so that most of its frames are such. */
enum taste {
	TASTE_BALANCER, /* packets of clients */
	TASTE_NAT,	/* and answers of backends */
	TASTE_DECAP,	/* packets in tunnels */
};

void make_frame(struct chance *chance, enum taste taste, struct frame *frame);

#endif
