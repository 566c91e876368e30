/* SPDX-License-Identifier: GPL-2.0-only */
/* The cursor that walks over a frame's headers. Each parse_ function checks that its header is
 * there in full, steps over it, and returns the protocol that follows, or -1. Test what it returns,
 * never the pointer that it sets. */
#ifndef HEADERS_PACKET_CURSOR_H
#define HEADERS_PACKET_CURSOR_H

#include <linux/bpf.h>

struct cursor {
	void *pos;
	void *end;
};

/* Returns a cursor that stands on the first byte of the frame. */
static __always_inline struct cursor cursor_at_start(struct xdp_md *ctx)
{
	return (struct cursor){(void *)(long)ctx->data, (void *)(long)ctx->data_end};
}

#endif
