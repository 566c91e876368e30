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

/* What is known of an answer. It is made in two parts that do not call each other: functions that
 * do share a stack of 512 bytes. */
struct answer {
	struct tcphdr syn[MAX_TCP_HEADER / sizeof(struct tcphdr)]; /* a copy, with its options */
	struct tcp_reply reply;
	struct nexthop hop;
};

/* The programs' own: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct answer);
} answers SEC(".maps");

/* What a client may send at once: ten segments (RFC 6928). The kernel's own window is larger, and
 * its next packet says so. */
#define COOKIE_WINDOW 14600

/* Returns the kernel's cookie for a SYN in the low 32 bits, in host byte order; or a negative
 * number: nobody listens here, or the kernel does not want to. */
static __always_inline __s64 ask_for_cookie(const struct packet *packet, struct answer *answer)
{
	void *ip = packet->flow.family == 4 ? (void *)packet->ip : (void *)packet->ip6;
	__u32 at = packet->l2_length + packet->header_length, length;
	struct tcphdr *syn = packet->transport;
	struct bpf_sock *listener;
	__s64 cookie = -1;

	/* The kernel looks for the client's largest segment among its options. */
	if ((void *)(syn + 1) > (void *)(long)packet->ctx->data_end)
		return -1;
	length = syn->doff * 4;
	if (length < sizeof(*syn) || length > MAX_TCP_HEADER ||
	    bpf_xdp_load_bytes(packet->ctx, at, answer->syn, length))
		return -1;
	listener = find_socket(packet);
	if (!listener)
		return -1;
	if (listener->state == BPF_TCP_LISTEN)
		cookie = bpf_tcp_gen_syncookie(listener, ip, ip_length(packet->flow.family),
					       answer->syn, length);
	bpf_sk_release(listener);
	return cookie;
}

/* Begins the answer to a SYN. Returns 0 or -1. */
static __always_inline int begin_answer(const struct packet *packet)
{
	__u32 key = 0;
	struct answer *answer = bpf_map_lookup_elem(&answers, &key);
	__s64 cookie;

	if (!answer || packet->parsed != PARSED_FLOW || packet->piece != PIECE_ALL ||
	    is_no_host(&packet->flow.client, packet->flow.family))
		return -1;
	cookie = ask_for_cookie(packet, answer);
	if (cookie < 0)
		return -1;
	answer->reply = (struct tcp_reply){
		.key = key_of(&packet->flow),
		.sequence = bpf_htonl(cookie),
		.acknowledgement = bpf_htonl(bpf_ntohl(packet->sequence) + 1),
		.l2_length = packet->l2_length,
		.window = COOKIE_WINDOW,
		.flags = TCP_SYN | TCP_ACK,
	};
	return 0;
}

/* The first part: a cookie for the SYN in this frame. Returns 0, or -1: there is none. (Functions
 * of their own, not inlined: they are rare.) */
__attribute__((noinline)) int make_cookie(struct xdp_md *ctx, __u32 frame_length)
{
	struct packet packet = {.ctx = ctx, .frame_length = frame_length};

	switch (parse_link(&packet)) {
	case 4:
		packet.flow.family = 4;
		parse_packet(&packet);
		return begin_answer(&packet);
	case 6:
		packet.flow.family = 6;
		parse_packet(&packet);
		return begin_answer(&packet);
	default:
		return -1;
	}
}

/* The second part: sends it to the client, out of the device that the kernel would take. `overhead`
 * is how many bytes the tunnel had in front of the SYN: so much smaller must the client's segments
 * be. Returns what has become of the SYN. */
__attribute__((noinline)) int send_cookie(struct xdp_md *ctx, __u32 overhead)
{
	struct packet packet = {.ctx = ctx};
	struct path back = {.begins_here = 1};
	struct answer *answer;
	__u32 key = 0, headers;

	answer = bpf_map_lookup_elem(&answers, &key);
	if (!answer)
		return DECAP_SYN_UNANSWERED;
	packet.l2_length = bounded_l2_length(answer->reply.l2_length);
	packet.flow = flow_of(&answer->reply.key);
	back.source = &answer->reply.key.destination;
	back.destination = &answer->reply.key.source;
	back.family = packet.flow.family;
	if (ask_fib(&packet, &back, &answer->hop) != VERDICT_GO_ON)
		return DECAP_SYN_UNANSWERED;

	headers = overhead + ip_length(back.family) + sizeof(struct tcphdr);
	answer->reply.mss = answer->hop.mtu > headers ? answer->hop.mtu - headers : 0;
	if (write_tcp_reply(ctx, &answer->reply) ||
	    rewrite_l2(&packet, &answer->hop, 0, back.family) < 0)
		return DECAP_BUG;
	switch (forward(&packet, &answer->hop)) {
	case VERDICT_FORWARDED:
		return DECAP_SYN_ANSWERED;
	case VERDICT_REDIRECTED:
		return DECAP_SYN_ANSWERED_ASIDE;
	default:
		return DECAP_BUG;
	}
}

/* Answers the SYN that has come out of a tunnel, in a frame of so many bytes. Returns what has
 * become of it. */
static __always_inline enum decap_verdict answer_syn(struct xdp_md *ctx, __u32 frame_length,
						     __u32 overhead)
{
	return make_cookie(ctx, frame_length) ? DECAP_SYN_UNANSWERED : send_cookie(ctx, overhead);
}

#endif
