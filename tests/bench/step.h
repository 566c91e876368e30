/* SPDX-License-Identifier: GPL-2.0-only */
/* A step of a ladder, as a program of its own: climb() goes up to `last`. */
#ifndef TESTS_BENCH_STEP_H
#define TESTS_BENCH_STEP_H

#define PROGRAM(name, last)                                                                        \
	SEC("xdp") int name(struct xdp_md *ctx)                                                    \
	{                                                                                          \
		__u32 length = ctx->data_end - ctx->data;                                          \
                                                                                                   \
		/* or the compiler would keep data and data_end apart, against the verifier */     \
		barrier_var(length);                                                               \
		struct packet packet = {.ctx = ctx, .frame_length = length};                       \
		return conclude(&packet, climb(&packet, last));                                    \
	}

#endif
