/* SPDX-License-Identifier: GPL-2.0-only */
/* Turning a TCP packet into one that answers it: a bare header, in the name of whom it was for. */
#ifndef HEADERS_PACKET_TCP_REPLY_H
#define HEADERS_PACKET_TCP_REPLY_H

#include "../../maps/types/connection_key.h"
#include "ethernet.h"
#include "ip.h"
#include "sum.h"
#include "tcp_udp.h"

#define REPLY_HOPS 64

/* The one option that a reply may have (RFC 9293, 3.7.1). */
#define TCP_OPTION_MSS 2
#define TCP_OPTION_MSS_LENGTH 4

/* What a reply says. */
struct tcp_reply {
	struct connection_key key; /* of the packet that is answered */
	__be32 sequence;
	__be32 acknowledgement;
	__u32 l2_length; /* Ethernet header and VLAN tags */
	__u16 window;	 /* these are in host byte order */
	__u16 mss;	 /* 0: there is no such option */
	__u32 flags;	 /* TCP_RST and so on */
};

static __always_inline __u32 reply_length(const struct tcp_reply *reply)
{
	return sizeof(struct tcphdr) + (reply->mss ? TCP_OPTION_MSS_LENGTH : 0);
}

static __always_inline void write_reply_ipv4(struct iphdr *ip, const struct tcp_reply *reply)
{
	*ip = (struct iphdr){
		.version = 4,
		.ihl = sizeof(*ip) / 4,
		.tot_len = bpf_htons(sizeof(*ip) + reply_length(reply)),
		.ttl = REPLY_HOPS,
		.protocol = IPPROTO_TCP,
		.saddr = ipv4_of(&reply->key.destination),
		.daddr = ipv4_of(&reply->key.source),
	};
	ip->check = ipv4_checksum(ip);
}

static __always_inline void write_reply_ipv6(struct ipv6hdr *ip6, const struct tcp_reply *reply)
{
	*ip6 = (struct ipv6hdr){
		.version = 6,
		.payload_len = bpf_htons(reply_length(reply)),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = REPLY_HOPS,
	};
	__builtin_memcpy(&ip6->saddr, &reply->key.destination, sizeof(ip6->saddr));
	__builtin_memcpy(&ip6->daddr, &reply->key.source, sizeof(ip6->daddr));
}

/* Writes the TCP header at `tcp`, with its option if the frame has room for it before `end`.
 * Returns 0 or -1. */
static __always_inline int write_reply_tcp(struct tcphdr *tcp, const struct tcp_reply *reply,
					   const void *end)
{
	const struct connection_key *key = &reply->key;
	__be32 *option = (void *)(tcp + 1);
	__be16 length_and_flags = bpf_htons(reply_length(reply) / 4 << 12 | reply->flags);
	__be32 mss = 0;

	if (reply->mss) {
		mss = bpf_htonl(TCP_OPTION_MSS << 24 | TCP_OPTION_MSS_LENGTH << 16 | reply->mss);
		if ((void *)(option + 1) > end)
			return -1;
		*option = mss;
	}
	*tcp = (struct tcphdr){
		.source = key->destination_port,
		.dest = key->source_port,
		.seq = reply->sequence,
		.ack_seq = reply->acknowledgement,
		.window = bpf_htons(reply->window),
	};
	((__be16 *)tcp)[6] = length_and_flags;
	/* The sum over the pseudo header, and over what is not 0. */
	tcp->check = ~checksum_fold(sum_pseudo_header(&key->source, &key->destination, IPPROTO_TCP,
						      reply_length(reply)) +
				    key->source_port + key->destination_port + reply->sequence +
				    reply->acknowledgement + length_and_flags + tcp->window + mss);
	return 0;
}

/* Turns the packet into its answer, without options and payload. The Ethernet header stays as it
 * is. Returns 0, or -1: drop it. (A function of its own, not inlined: it is rare.) */
__attribute__((noinline)) int write_tcp_reply(struct xdp_md *ctx, const struct tcp_reply *reply)
{
	__u32 l2_length, ip;
	void *at, *end;

	if (!reply)
		return -1;
	l2_length = bounded_l2_length(reply->l2_length);
	ip = ip_length(reply->key.family);
	if (bpf_xdp_adjust_tail(ctx, (int)(l2_length + ip + reply_length(reply)) -
					     (int)bpf_xdp_get_buff_len(ctx)))
		return -1;
	at = (void *)(long)ctx->data + l2_length;
	end = (void *)(long)ctx->data_end;
	if (reply->key.family == 4) {
		if (at + sizeof(struct iphdr) + sizeof(struct tcphdr) > end)
			return -1;
		write_reply_ipv4(at, reply);
		return write_reply_tcp(at + sizeof(struct iphdr), reply, end);
	}
	if (at + sizeof(struct ipv6hdr) + sizeof(struct tcphdr) > end)
		return -1;
	write_reply_ipv6(at, reply);
	return write_reply_tcp(at + sizeof(struct ipv6hdr), reply, end);
}

#endif
