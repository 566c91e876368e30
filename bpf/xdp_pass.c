/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_pass: lets every packet through. A veth interface only takes frames that an XDP program on
 * the other end sends (XDP_TX, XDP_REDIRECT) while it has an XDP program itself: this one. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
