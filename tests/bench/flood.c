/* SPDX-License-Identifier: GPL-2.0-only */
/* A flood of frames, each from another source: tests/lib/flood.py runs this program for each of
 * them (BPF_PROG_TEST_RUN with live frames), and they leave by the device that it names. */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "../../headers/packet/checksum.h"

#define FRAME 128 /* bytes; those that nobody needs are padding */
#define EDITS 6
#define CHECKSUMS 2

/* A 16-bit word of the frame that is another one each time. */
struct edit {
	__u16 at;
	__be16 mask; /* which bits; 0: none */
	__u32 sums;  /* bit i: it is in checksum i */
};

struct flood {
	__u8 frame[FRAME];
	struct edit edits[EDITS];
	__u16 checksums[CHECKSUMS]; /* where they are; 0: there is none */
	__u32 ifindex;
	__u32 times; /* how often each frame is sent */
	__u32 sent;  /* of the last one, so often */
};

_Static_assert(sizeof(struct flood) == 192, "as flood.py writes it");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flood);
} flood SEC(".maps");

/* Changes one word of the frame in the map, and the checksums that it is in. (One CPU at a time
 * sends a flood.) */
static __always_inline void vary(struct flood *what, const struct edit *edit)
{
	__u16 *words = (void *)what->frame, *word = &words[edit->at / 2 % (FRAME / 2)];
	__u16 before = *word;

	*word = (before & ~edit->mask) | (bpf_get_prandom_u32() & edit->mask);
	for (int i = 0; i < CHECKSUMS; i++) {
		__u16 *check = &words[what->checksums[i] / 2 % (FRAME / 2)];

		if (edit->sums & 1 << i)
			*check = checksum_update(*check, checksum_delta16(before, *word));
	}
}

/* Deals the next frame: whoever had this page before may have changed it. */
SEC("xdp")
int send_flood(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	__u32 key = 0;
	struct flood *what = bpf_map_lookup_elem(&flood, &key);

	if (!what || data + FRAME > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (what->sent++ % what->times == 0)
		for (int i = 0; i < EDITS; i++)
			vary(what, &what->edits[i]);
	__builtin_memcpy(data, what->frame, FRAME);
	return bpf_redirect(what->ifindex, 0);
}

char _license[] SEC("license") = "GPL";
