/* SPDX-License-Identifier: GPL-2.0-only */
/* How a packet is read. A cursor walks over the headers; each parse_ function checks that its
 * header is there in full, steps over it, and returns the protocol that follows, or -1.
 * parse_packet() does the whole journey down to the ports. */
#ifndef HEADERS_PACKET_H
#define HEADERS_PACKET_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../maps/connection_key.h"

#define MAX_VLAN_TAGS 2
#define IP_MORE_FRAGMENTS 0x2000
#define IP_DONT_FRAGMENT 0x4000
#define IP_FRAGMENT_OFFSET 0x1fff

/* The flags of a TCP header (RFC 9293, 3.1), in its byte 13. */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* ICMP as RFC 792 and RFC 1191 have it. (<linux/icmp.h> draws in the C library's headers.) */
#define ICMP_DEST_UNREACH 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMP_EXC_TTL 0	   /* code of time exceeded: in transit */
#define ICMP_FRAG_NEEDED 4 /* code of destination unreachable: too big, and DF is set */

struct icmp_header {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be16 unused;
	__be16 mtu; /* for ICMP_FRAG_NEEDED, in bytes */
};

struct vlan_header {
	__be16 tci;
	__be16 next; /* EtherType of what follows the tag */
};

struct cursor {
	void *pos;
	void *end;
};

/* Who talks to whom, in network byte order and as the client sends it. */
struct flow {
	__be32 client;
	__be32 vip;
	__be16 client_port;
	__be16 vip_port;
	__u8 protocol;
};

struct packet {
	/* These two are not valid any more once bpf_xdp_adjust_head has moved the packet. */
	struct iphdr *ip; /* NULL if it is not IPv4 */
	void *transport; /* TCP, UDP or ICMP header, checked to be there; not for later fragments */
	__u32 l2_length; /* Ethernet header and VLAN tags */
	__u32 length;	 /* of the IP packet, by its header: a frame may carry padding */
	struct flow flow;
	__u32 backend; /* id of the backend that it goes to or comes from, once that is known */
	__u8 opens;    /* 1: it begins a connection: a TCP SYN (NAT: or the first UDP packet) */
	/* TCP only: */
	__u8 tcp_flags; /* TCP_SYN and so on; 0 if it is not TCP */
	__be32 sequence;
	__be32 acknowledgement;
};

enum parsed {
	PARSED_OTHER,	       /* not IPv4, or no TCP, UDP or ICMP error: flow is not set */
	PARSED_BROKEN,	       /* IPv4 whose lengths disagree: flow holds addresses, no ports */
	PARSED_LATER_FRAGMENT, /* a fragment without ports: flow holds addresses and protocol */
	PARSED_FLOW,	       /* TCP or UDP, the flow is complete */
	PARSED_ICMP_ERROR,     /* an error about a packet of this flow, sent back by somebody */
};

static __always_inline struct connection_key key_of(const struct flow *flow)
{
	return (struct connection_key){
		.source = flow->client,
		.destination = flow->vip,
		.source_port = flow->client_port,
		.destination_port = flow->vip_port,
		.protocol = flow->protocol,
	};
}

/* Returns the EtherType behind the Ethernet header and up to two VLAN tags (802.1Q, 802.1ad), and
 * sets *l2_length. */
static __always_inline int parse_ethernet(struct cursor *cursor, __u32 *l2_length)
{
	struct ethhdr *eth = cursor->pos;
	__be16 next;

	if ((void *)(eth + 1) > cursor->end)
		return -1;
	cursor->pos = eth + 1;
	*l2_length = sizeof(*eth);
	next = eth->h_proto;

	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		struct vlan_header *vlan = cursor->pos;

		if (next != bpf_htons(ETH_P_8021Q) && next != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > cursor->end)
			return -1;
		cursor->pos = vlan + 1;
		*l2_length += sizeof(*vlan);
		next = vlan->next;
	}
	return bpf_ntohs(next);
}

/* Steps over an IPv4 header with its options and returns the protocol behind it. `length` is what
 * there is from the header's first byte on; the header may not claim more. */
static __always_inline int parse_ipv4(struct cursor *cursor, __u32 length)
{
	struct iphdr *ip = cursor->pos;
	__u32 header, total;

	if ((void *)(ip + 1) > cursor->end)
		return -1;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header < sizeof(*ip) || total < header || total > length)
		return -1;
	cursor->pos += header;
	return ip->protocol;
}

/* Reads ports, flags and numbers. `length` is what the IP packet has left for TCP; a first fragment
 * may end within the options, but not before. Returns 0 or -1. */
static __always_inline int parse_tcp(struct cursor *cursor, __u32 length, int fragment,
				     struct packet *packet)
{
	struct tcphdr *tcp = cursor->pos;

	if ((void *)(tcp + 1) > cursor->end || length < sizeof(*tcp))
		return -1;
	if (tcp->doff * 4 < sizeof(*tcp) || (!fragment && tcp->doff * 4 > length))
		return -1;
	packet->flow.client_port = tcp->source;
	packet->flow.vip_port = tcp->dest;
	packet->tcp_flags = ((__u8 *)tcp)[13];
	packet->opens = (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	packet->sequence = tcp->seq;
	packet->acknowledgement = tcp->ack_seq;
	return 0;
}

static __always_inline int parse_udp(struct cursor *cursor, __u32 length, int fragment,
				     struct flow *flow)
{
	struct udphdr *udp = cursor->pos;

	if ((void *)(udp + 1) > cursor->end || length < sizeof(*udp))
		return -1;
	if (bpf_ntohs(udp->len) < sizeof(*udp) || (!fragment && bpf_ntohs(udp->len) > length))
		return -1;
	flow->client_port = udp->source;
	flow->vip_port = udp->dest;
	return 0;
}

/* An ICMP error (RFC 792) quotes the packet that it is about: its IP header and at least 8 bytes
 * more, enough for the ports. That packet went from the VIP to the client, so the flow is the
 * quote read backwards. Returns 0, or -1 if this is no error, or quotes no TCP or UDP. */
static __always_inline int parse_icmp_error(struct cursor *cursor, __u32 length, struct flow *flow)
{
	struct icmp_header *icmp = cursor->pos;
	struct iphdr *quote = (void *)(icmp + 1);
	struct udphdr *ports; /* TCP has them at the same place */

	if ((void *)(quote + 1) > cursor->end || length < sizeof(*icmp) + sizeof(*quote))
		return -1;
	if (icmp->type != ICMP_DEST_UNREACH && icmp->type != ICMP_TIME_EXCEEDED &&
	    icmp->type != ICMP_PARAMETERPROB)
		return -1;
	if (quote->version != 4 || quote->ihl * 4 < sizeof(*quote))
		return -1;
	if (quote->protocol != IPPROTO_TCP && quote->protocol != IPPROTO_UDP)
		return -1;
	if (quote->frag_off & bpf_htons(IP_FRAGMENT_OFFSET) || quote->saddr != flow->vip)
		return -1;
	ports = (void *)quote + quote->ihl * 4;
	if ((void *)(ports + 1) > cursor->end ||
	    length < sizeof(*icmp) + quote->ihl * 4 + sizeof(*ports))
		return -1;
	flow->client = quote->daddr;
	flow->client_port = ports->dest;
	flow->vip_port = ports->source;
	flow->protocol = quote->protocol;
	return 0;
}

static __always_inline int is_first_fragment(struct iphdr *ip)
{
	return (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET)) ==
	       bpf_htons(IP_MORE_FRAGMENTS);
}

/* Whether a frame is for everybody, or for a group: nobody sends a connection there. */
static __always_inline int is_for_group(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	return (void *)(eth + 1) > (void *)(long)ctx->data_end || (eth->h_dest[0] & 1);
}

/* Reads a frame of `frame_length` bytes down to its ports, into `packet`. */
static __always_inline enum parsed parse_packet(struct xdp_md *ctx, __u32 frame_length,
						struct packet *packet)
{
	struct cursor cursor = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	struct flow *flow = &packet->flow;
	struct iphdr *ip;
	int protocol, failed;
	__u32 length;

	packet->backend = 0;
	packet->ip = NULL;
	if (is_for_group(ctx) || parse_ethernet(&cursor, &packet->l2_length) != ETH_P_IP)
		return PARSED_OTHER;
	ip = cursor.pos;
	if ((void *)(ip + 1) > cursor.end)
		return PARSED_OTHER;
	packet->ip = ip;
	flow->client = ip->saddr;
	flow->vip = ip->daddr;
	flow->client_port = flow->vip_port = 0;
	packet->tcp_flags = packet->opens = 0;

	protocol = parse_ipv4(&cursor, frame_length - packet->l2_length);
	if (protocol < 0)
		return PARSED_BROKEN;
	flow->protocol = protocol;
	packet->length = bpf_ntohs(ip->tot_len);

	if (ip->frag_off & bpf_htons(IP_FRAGMENT_OFFSET))
		return PARSED_LATER_FRAGMENT;

	packet->transport = cursor.pos;
	length = packet->length - ip->ihl * 4;
	switch (protocol) {
	case IPPROTO_TCP:
		failed = parse_tcp(&cursor, length, is_first_fragment(ip), packet);
		break;
	case IPPROTO_UDP:
		failed = parse_udp(&cursor, length, is_first_fragment(ip), flow);
		break;
	case IPPROTO_ICMP:
		return parse_icmp_error(&cursor, length, flow) ? PARSED_OTHER : PARSED_ICMP_ERROR;
	default:
		return PARSED_OTHER;
	}
	return failed ? PARSED_BROKEN : PARSED_FLOW;
}

#endif
