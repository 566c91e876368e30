/* SPDX-License-Identifier: GPL-2.0-only */
/* struct packet: a frame under way through a program, and everything that is known about it. Its
 * first fields are given by handle() (headers/lb/handle.h), the next ones are found by
 * parse_packet() (parse.h), and `backend`, `probe` and `opens` are added on the way.
 *
 * No function passes a pointer into it to the kernel: then clang keeps it in registers, and knows
 * the family in each of the two instances of a program. */
#ifndef HEADERS_PACKET_PACKET_H
#define HEADERS_PACKET_PACKET_H

#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/types.h>

#include "../../maps/types/address.h"
#include "../../maps/types/connection_key.h"

/* What parse_packet() has made of a frame. */
enum parsed {
	PARSED_OTHER,	       /* not IP, or no TCP, UDP or ICMP error: flow is not set */
	PARSED_BROKEN,	       /* IP whose lengths disagree: flow holds addresses, no ports */
	PARSED_LATER_FRAGMENT, /* a fragment without ports: flow holds addresses and protocol */
	PARSED_FLOW,	       /* TCP or UDP, the flow is complete */
	PARSED_ICMP_ERROR,     /* an error about a packet of this flow, sent back by somebody */
	PARSED_UNREADABLE,     /* IPv6 whose ports stand behind too much: flow holds addresses */
};

/* How much of the packet that was sent is in this one. */
enum piece {
	PIECE_ALL,
	PIECE_FIRST, /* the first fragment */
	PIECE_LATER, /* a fragment without transport header */
};

/* Who talks to whom, in network byte order and as the client sends it. */
struct flow {
	union address client;
	union address vip;
	__be16 client_port;
	__be16 vip_port;
	__u8 protocol;
	__u8 family; /* of both addresses: 4 or 6 */
};

struct packet {
	struct xdp_md *ctx;
	__u32 frame_length; /* in bytes, Ethernet header included */
	__u32 l2_length;    /* Ethernet header and VLAN tags */
	enum parsed parsed;
	/* These are not valid any more once bpf_xdp_adjust_head has moved the packet. */
	void *network;	     /* behind the link-layer header: nothing is known to be there */
	struct iphdr *ip;    /* checked to be there; NULL if it is not IPv4 */
	struct ipv6hdr *ip6; /* checked to be there; NULL if it is not IPv6 */
	void *transport;     /* TCP, UDP or ICMP header, checked to be there; NULL for later
			      * fragments */
	void *quoted_ports;  /* of the packet that an ICMP error quotes, 8 bytes checked to be there
			      */
	__u32 length;	     /* of the IP packet, by its header: a frame may carry padding */
	__u32 header_length; /* of its IP header, options and extension headers included */
	enum piece piece;
	__be32 fragment_id; /* IPv6: what its fragments have in common */
	struct flow flow;
	__u32 backend; /* id of the backend that it goes to or comes from; 0: not known (yet) */
	__u32 settled; /* NAT: see headers/nat/stages.h */
	__u8 probe;    /* 1: it is a health check: its port says which backend it is for */
	__u8 opens;    /* 1: it begins a connection: a TCP SYN; a QUIC packet with an id of the
			* client's choice; NAT: or the first UDP packet */
	/* TCP only: */
	__u8 tcp_flags; /* TCP_SYN and so on; 0 if it is not TCP */
	__be32 sequence;
	__be32 acknowledgement;
};

/* Returns the flow whose packets have this key. */
static __always_inline struct flow flow_of(const struct connection_key *key)
{
	return (struct flow){
		.client = key->source,
		.vip = key->destination,
		.client_port = key->source_port,
		.vip_port = key->destination_port,
		.protocol = key->protocol,
		.family = key->family,
	};
}

/* Returns the key that a flow has in the maps of connections. */
static __always_inline struct connection_key key_of(const struct flow *flow)
{
	return (struct connection_key){
		.source = flow->client,
		.destination = flow->vip,
		.source_port = flow->client_port,
		.destination_port = flow->vip_port,
		.protocol = flow->protocol,
		.family = flow->family,
	};
}

#endif
