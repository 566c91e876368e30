/* SPDX-License-Identifier: GPL-2.0-only */
/* wire: what a frame says, read as the RFCs have it. Nothing here is shared with headers/ and
 * maps/: who judges a program must not have its mistakes. Frames are bytes, numbers are in host
 * order. */
#ifndef FUZZER_WIRE_H
#define FUZZER_WIRE_H

#include <stdint.h>

#define MAX_FRAME 20000

enum {
	PROTO_ICMP = 1,
	PROTO_IPV4 = 4,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_IPV6 = 41,
	PROTO_GRE = 47,
	PROTO_ICMPV6 = 58,
};

enum {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_ACK = 16,
};

struct address {
	int family; /* 4 or 6 */
	uint8_t bytes[16];
};

/* One direction of a conversation. */
struct talk {
	struct address source, destination;
	unsigned source_port, destination_port;
	unsigned protocol;
};

/* A walk over the extension headers of an IPv6 packet. */
enum chain { CHAIN_READ, CHAIN_BROKEN, CHAIN_UNREADABLE };

struct walk {
	unsigned at;	   /* in: of the first header; out: behind the last one */
	unsigned protocol; /* in: of the first header; out: of what is behind them */
	unsigned offset;   /* of the fragment, in bytes */
	int more;
	uint32_t id;
	int fragment_is_last; /* the fragment header is the last of them */
};

/* What a frame is. */
enum kind {
	NOT_IP,	    /* or for a group of machines, or too short for an IP header */
	BROKEN,	    /* lengths disagree: only the addresses are known */
	UNREADABLE, /* too many extension headers, or not there yet: the same */
	OTHER,	    /* no TCP, UDP or ICMP error about one of them */
	LATER,	    /* a fragment without ports */
	FLOW,	    /* TCP or UDP */
	ICMP_ERROR, /* about a packet of a flow */
};

struct view {
	const uint8_t *frame;
	unsigned frame_length;
	enum kind kind;
	unsigned l2;	 /* length of the Ethernet header and tags */
	int family;	 /* 4, 6; 0: no IP */
	unsigned length; /* of the IP packet */
	unsigned header; /* of its headers, options and extension headers included */
	unsigned protocol;
	unsigned hops;	/* TTL, hop limit */
	unsigned class; /* TOS, traffic class */
	int is_first, is_fragment;
	unsigned offset; /* in bytes */
	int more;
	uint32_t id;		 /* of IPv4, or of the fragment header */
	struct address from, to; /* of the packet itself */
	struct talk talk; /* of the flow, as the client sends it; of an error: of who gets it */
	unsigned tcp_flags;
	uint32_t sequence, acknowledgement;
	/* ICMP_ERROR: where the quote begins, and its ports. */
	unsigned quote, quote_ports;
};

unsigned get16(const uint8_t *at);
uint32_t get32(const uint8_t *at);
void put16(uint8_t *at, unsigned value);
void put32(uint8_t *at, uint32_t value);

/* The ones' complement sum over bytes (RFC 1071), folded; added to `sum`. */
unsigned ones_sum(unsigned sum, const uint8_t *data, unsigned length);

/* The sum over a pseudo header (RFC 9293, 3.1; RFC 8200, 8.1). */
unsigned pseudo_sum(const struct address *source, const struct address *destination,
		    unsigned protocol, unsigned length);

/* Whether two sums are the same number of ones' complement arithmetic, which has two zeros. */
int same_sum(unsigned a, unsigned b);

/* Takes one off the hops of an IP packet; IPv4: by the book (RFC 1624, equation 3). */
void age(uint8_t *packet);

struct address address_of(const char *text);
const char *text_of(const struct address *address);
int same_address(const struct address *a, const struct address *b);
unsigned address_length(int family);

enum chain walk_extensions(const uint8_t *frame, unsigned end, struct walk *walk);
int is_extension(unsigned protocol);

/* Reads a link-layer header: returns the EtherType, or -1, and sets *l2. */
int read_link(const uint8_t *frame, unsigned length, unsigned *l2);

struct view read_frame(const uint8_t *frame, unsigned length);

#endif
