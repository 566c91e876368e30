/* SPDX-License-Identifier: GPL-2.0-only */
/* SYN cookies: what a backend answers to a flood of SYNs (flood.h), without its kernel.
 *
 * The sequence number of the answer is a keyed hash of addresses and ports: who sends it back is
 * who he says, and until then nothing is remembered of him (D. J. Bernstein, 1996; RFC 4987, 3.6).
 * The kernel computes it here as it would itself, notes at the socket that cookies are out, and
 * takes the client's ACK for the end of a handshake. So it must do cookies for every connection
 * (net.ipv4.tcp_syncookies=2): otherwise it gives us none, and gets the SYN.
 *
 * Such a connection has no window scaling and no selective acknowledgements: the kernel would look
 * for them in the client's timestamps, with an offset that only it knows. The checksum of the SYN
 * is not looked at: an answer to a wrong one does as little harm as one to an invented source. */
#ifndef HEADERS_DECAP_COOKIE_H
#define HEADERS_DECAP_COOKIE_H

#include "../../maps/decap_stats.h"
#include "../lb/route.h"
#include "../packet/link.h"
#include "../packet/parse.h"
#include "../packet/tcp_reply.h"
#include "socket.h"

#define MAX_TCP_HEADER 60

/* What a client may send at once: ten segments (RFC 6928). The kernel's own window is larger, and
 * its next packet says so. */
#define COOKIE_WINDOW 14600

/* Returns the kernel's cookie for a SYN in the low 32 bits, in host byte order; or a negative
 * number: nobody listens here, or the kernel does not want to. */
static __always_inline __s64 ask_for_cookie(const struct packet *packet)
{
	void *ip = packet->flow.family == 4 ? (void *)packet->ip : (void *)packet->ip6;
	__u32 at = packet->l2_length + packet->header_length, length;
	struct tcphdr *syn = packet->transport, copy[MAX_TCP_HEADER / sizeof(struct tcphdr)] = {};
	struct bpf_sock *listener;
	__s64 cookie = -1;

	/* With its options, of which the kernel looks for the client's largest segment. */
	if ((void *)(syn + 1) > (void *)(long)packet->ctx->data_end)
		return -1;
	length = syn->doff * 4;
	if (length < sizeof(*syn) || length > sizeof(copy) ||
	    bpf_xdp_load_bytes(packet->ctx, at, copy, length))
		return -1;
	listener = find_socket(packet);
	if (!listener)
		return -1;
	if (listener->state == BPF_TCP_LISTEN)
		cookie = bpf_tcp_gen_syncookie(listener, ip, ip_length(packet->flow.family), copy,
					       length);
	bpf_sk_release(listener);
	return cookie;
}

/* Returns the largest segment that a client may send, so that it comes through the tunnel. */
static __always_inline __u16 largest_segment(const struct nexthop *hop, __u32 headers)
{
	return hop->mtu > headers ? hop->mtu - headers : 0;
}

/* Sends a cookie to the client, out of the device that the kernel would take. */
static __always_inline enum decap_verdict send_cookie(const struct packet *packet, __u32 overhead)
{
	const struct flow *flow = &packet->flow;
	struct path back = {&flow->vip, &flow->client, flow->family, .begins_here = 1};
	struct tcp_reply reply = {
		.key = key_of(flow),
		.acknowledgement = bpf_htonl(bpf_ntohl(packet->sequence) + 1),
		.l2_length = packet->l2_length,
		.window = COOKIE_WINDOW,
		.flags = TCP_SYN | TCP_ACK,
	};
	struct nexthop hop;
	__s64 cookie;

	if (packet->parsed != PARSED_FLOW || packet->piece != PIECE_ALL ||
	    is_no_host(&flow->client, flow->family))
		return DECAP_SYN_UNANSWERED;
	cookie = ask_for_cookie(packet);
	if (cookie < 0 || ask_fib(packet, &back, &hop) != VERDICT_GO_ON)
		return DECAP_SYN_UNANSWERED;

	reply.sequence = bpf_htonl(cookie);
	reply.mss =
		largest_segment(&hop, overhead + ip_length(flow->family) + sizeof(struct tcphdr));
	if (write_tcp_reply(packet->ctx, &reply) || rewrite_l2(packet, &hop, 0, flow->family) < 0)
		return DECAP_BUG;
	switch (forward(packet, &hop)) {
	case VERDICT_FORWARDED:
		return DECAP_SYN_ANSWERED;
	case VERDICT_REDIRECTED:
		return DECAP_SYN_ANSWERED_ASIDE;
	default:
		return DECAP_BUG;
	}
}

/* Answers a SYN that has come out of a tunnel; `overhead` is how many bytes that had in front of
 * it. Returns what has become of it. (A function of its own, not inlined: it is rare.) */
__noinline int answer_syn(struct xdp_md *ctx, __u32 frame_length, __u32 overhead)
{
	struct packet packet = {.ctx = ctx, .frame_length = frame_length - overhead};

	switch (parse_link(&packet)) {
	case 4:
		packet.flow.family = 4;
		parse_packet(&packet);
		return send_cookie(&packet, overhead);
	case 6:
		packet.flow.family = 6;
		parse_packet(&packet);
		return send_cookie(&packet, overhead);
	default:
		return DECAP_SYN_UNANSWERED;
	}
}

#endif
