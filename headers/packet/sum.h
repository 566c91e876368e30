/* SPDX-License-Identifier: GPL-2.0-only */
/* The Internet checksum's sum over bytes of a frame. It reads all of them, so it is for rare
 * packets only: whatever else can be, is updated by deltas (checksum.h). */
#ifndef HEADERS_PACKET_SUM_H
#define HEADERS_PACKET_SUM_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../../maps/types/address.h"

#define SUM_PIECE 32
#define MAX_SUM_PIECES 2048 /* 64 KiB: no IP packet is longer */

/* A sum under way: of the bytes from `at` to `end`, counted from the frame's first one on. */
struct summing {
	struct xdp_md *ctx;
	__u64 sum;
	__u32 at;
	__u32 end;
};

/* A step over the next bytes (a callback of bpf_loop): returns 1 at the end. */
static long sum_piece(__u32 i, struct summing *summing)
{
	__u32 words[SUM_PIECE / 4] = {}; /* two of the sum's words in each */
	__u32 length = summing->end - summing->at;
	__u64 sum = summing->sum;

	if (summing->at >= summing->end)
		return 1;
	if (length > SUM_PIECE)
		length = SUM_PIECE;
	/* The same number, but from here on the verifier knows that it is 1 to SUM_PIECE. */
	asm volatile("" : "+r"(length));
	length = ((length - 1) & (SUM_PIECE - 1)) + 1;
	if (bpf_xdp_load_bytes(summing->ctx, summing->at, words, length))
		return 1;
	for (int w = 0; w < SUM_PIECE / 4; w++) {
		sum += words[w];
		asm volatile("" : "+r"(sum)); /* or clang reads all words first, and spills them */
	}
	summing->sum = sum;
	summing->at += length;
	return 0;
}

/* Returns the sum over `length` bytes, `at` bytes behind the frame's first one. */
static __always_inline __u64 sum_bytes(struct xdp_md *ctx, __u32 at, __u32 length)
{
	struct summing summing = {.ctx = ctx, .at = at, .end = at + length};

	bpf_loop(MAX_SUM_PIECES, sum_piece, &summing, 0);
	return summing.sum;
}

static __always_inline __u64 sum_address(const union address *address)
{
	return (__u64)address->words[0] + address->words[1] + address->words[2] + address->words[3];
}

/* Returns the sum over a pseudo header (RFC 9293, 3.1; RFC 8200, 8.1), which is the same for both
 * families: addresses, protocol, and `length` bytes behind the IP header. */
static __always_inline __u64 sum_pseudo_header(const union address *source,
					       const union address *destination, __u8 protocol,
					       __u32 length)
{
	return sum_address(source) + sum_address(destination) + bpf_htons(protocol) +
	       bpf_htonl(length);
}

#endif
