/* SPDX-License-Identifier: GPL-2.0-only */
/* The IPv6 header and its extension headers (RFC 8200): how they are read. */
#ifndef HEADERS_PACKET_IPV6_H
#define HEADERS_PACKET_IPV6_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "cursor.h"

#define IPV6_MIN_MTU 1280 /* every link can do this */

/* A chain of more extension headers than this is not read to its end. (RFC 8504, 5.3 lets a host
 * set such a limit; real packets have one or two.) */
#define MAX_EXTENSION_HEADERS 8
#define MAX_EXTENSION_BYTES 1024

#define IPV6_FRAGMENT_OFFSET 0xfff8
#define IPV6_MORE_FRAGMENTS 1

/* The extension headers that may stand in front of TCP, UDP and ICMP. */
enum extension {
	EXTENSION_HOP_BY_HOP = 0,
	EXTENSION_ROUTING = 43,
	EXTENSION_FRAGMENT = 44,
	EXTENSION_DESTINATION = 60,
};

/* The first bytes of each of them. */
struct extension_header {
	__u8 next;   /* protocol of what follows */
	__u8 length; /* in units of 8 bytes, without the first 8; a fragment header has none */
	union {
		__be16 offset; /* of a fragment, in bytes; its last bit: more follow */
		struct {
			__u8 type;
			__u8 segments_left; /* of a routing header: not there yet */
		};
	};
	__be32 id; /* of a fragment */
};

/* How a chain of headers was read. */
enum chain {
	CHAIN_READ,	  /* `protocol` begins at `at` */
	CHAIN_BROKEN,	  /* it goes on behind the packet's end */
	CHAIN_UNREADABLE, /* too long, or the packet's destination is yet another one */
};

/* A walk along extension headers. `at` and `end` count bytes from the frame's first one on. */
struct chain_walk {
	struct xdp_md *ctx;
	__u32 start; /* of the chain */
	__u32 at;
	__u32 end; /* of the IP packet */
	int protocol;
	__u32 chain;	    /* enum chain */
	__be16 fragment;    /* the fragment header's offset and last bit, */
	__be32 fragment_id; /* and its id; 0 without one */
	__u32 last;	    /* protocol number of the last extension header */
};

static __always_inline int is_extension(int protocol)
{
	return protocol == EXTENSION_HOP_BY_HOP || protocol == EXTENSION_ROUTING ||
	       protocol == EXTENSION_FRAGMENT || protocol == EXTENSION_DESTINATION;
}

/* A step over one extension header (a callback of bpf_loop): returns 1 at the end of the chain. */
static long walk_extension(__u32 i, struct chain_walk *walk)
{
	struct extension_header header;
	__u32 length;

	walk->chain = CHAIN_READ;
	if (!is_extension(walk->protocol))
		return 1;
	walk->chain = CHAIN_BROKEN;
	if (walk->at + sizeof(header) > walk->end ||
	    bpf_xdp_load_bytes(walk->ctx, walk->at, &header, sizeof(header)))
		return 1;
	length = walk->protocol == EXTENSION_FRAGMENT ? 8 : (header.length + 1) * 8;
	if (walk->at + length > walk->end)
		return 1;
	walk->chain = CHAIN_UNREADABLE;
	if (walk->protocol == EXTENSION_ROUTING && header.segments_left)
		return 1;
	if (walk->protocol == EXTENSION_FRAGMENT) {
		walk->fragment = header.offset;
		walk->fragment_id = header.id;
	}
	walk->at += length;
	walk->last = walk->protocol;
	walk->protocol = header.next;
	/* Behind the header of a later fragment there are no headers any more. */
	if (walk->fragment & bpf_htons(IPV6_FRAGMENT_OFFSET)) {
		walk->chain = CHAIN_READ;
		return 1;
	}
	return walk->at - walk->start > MAX_EXTENSION_BYTES;
}

/* Walks from walk->at on, where a header of walk->protocol begins, to the first one that is no
 * extension header. Returns how that went. */
static __always_inline enum chain walk_chain(struct chain_walk *walk)
{
	walk->start = walk->at;
	bpf_loop(MAX_EXTENSION_HEADERS + 1, walk_extension, walk, 0);
	return walk->chain;
}

/* Steps over an IPv6 header and returns the protocol behind it: that of an extension header, if
 * there is one. `length` is what there is from the header's first byte on; the header may not claim
 * more. */
static __always_inline int parse_ipv6(struct cursor *cursor, __u32 length)
{
	struct ipv6hdr *ip6 = cursor->pos;

	if ((void *)(ip6 + 1) > cursor->end)
		return -1;
	if (ip6->version != 6 || sizeof(*ip6) + bpf_ntohs(ip6->payload_len) > length)
		return -1;
	cursor->pos += sizeof(*ip6);
	return ip6->nexthdr;
}

#define IPV6_FLOW_LABEL 0xfffff /* the bits of the first word that are the flow label */

/* The traffic class (DSCP and ECN, as IPv4's TOS) stands across two bytes. */
static __always_inline __u8 ipv6_traffic_class(const struct ipv6hdr *ip6)
{
	return bpf_ntohs(*(const __be16 *)ip6) >> 4;
}

#endif
