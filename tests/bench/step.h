/* SPDX-License-Identifier: GPL-2.0-only */
/* A step of a ladder, as a program of its own: climb() goes up to `last`. The frames are IPv4. */
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
		if (parse_link(&packet) != 4)                                                      \
			return XDP_ABORTED;                                                        \
		packet.flow.family = 4;                                                            \
		return conclude(&packet, climb(&packet, last));                                    \
	}

#endif
