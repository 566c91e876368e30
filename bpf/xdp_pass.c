/* SPDX-License-Identifier: GPL-2.0-only */
/* xdp_pass: lets every packet through. If an XDP program on one end of a veth pair sends frames
 * (XDP_TX, XDP_REDIRECT), the other end only takes them while it has an XDP program itself. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
