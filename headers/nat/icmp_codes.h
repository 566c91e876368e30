/* SPDX-License-Identifier: GPL-2.0-only */
/* What an ICMP error says, in the words of the other family (RFC 7915, 4.2 and 5.2). */
#ifndef HEADERS_NAT_ICMP_CODES_H
#define HEADERS_NAT_ICMP_CODES_H

#include "../packet/icmp.h"
#include "../packet/ip.h"

#define NO_COUNTERPART 0xff /* of a code or a pointer */

/* Codes of destination unreachable. */
#define ICMP_HOST_UNREACHABLE 1
#define ICMP_PROTOCOL_UNREACHABLE 2
#define ICMP_PORT_UNREACHABLE 3
#define ICMP_NETWORK_PROHIBITED 9
#define ICMP_HOST_PROHIBITED 10
#define ICMP_PROHIBITED 13
#define ICMP_PRECEDENCE_VIOLATION 14
#define ICMP_PRECEDENCE_CUTOFF 15
#define ICMPV6_NO_ROUTE 0
#define ICMPV6_PROHIBITED 1
#define ICMPV6_ADDRESS_UNREACHABLE 3
#define ICMPV6_PORT_UNREACHABLE 4

/* Codes of parameter problem: ICMPv6, except for the one of ICMP. */
#define ICMPV6_BAD_FIELD 0
#define ICMPV6_UNKNOWN_PROTOCOL 1
#define ICMP_BAD_LENGTH 2

/* Where the protocol's number is in an IPv6 header. */
#define IPV6_NEXT_HEADER_AT 6

/* An error about a packet whose MTU a router does not tell: the next lower one that links have (RFC
 * 1191, 7). */
static __always_inline __u32 plateau_below(__u32 length)
{
	return length > 32000	? 32000
	       : length > 17914 ? 17914
	       : length > 8166	? 8166
	       : length > 4352	? 4352
	       : length > 2002	? 2002
	       : length > 1492	? 1492
	       : length > 1006	? 1006
	       : length > 508	? 508
	       : length > 296	? 296
				: 68;
}

/* Which byte of an IPv6 header says what this one of an IPv4 header does. */
static __always_inline __u8 pointer_in_ipv6(__u8 at)
{
	return at == 0 || at == 1   ? at
	       : at == 2 || at == 3 ? 4
	       : at == 8	    ? 7
	       : at == 9	    ? IPV6_NEXT_HEADER_AT
	       : at < 12	    ? NO_COUNTERPART
	       : at < 16	    ? 8
	       : at < 20	    ? 24
				    : NO_COUNTERPART;
}

static __always_inline __u8 pointer_in_ipv4(__u32 at)
{
	return at == 0 || at == 1	     ? at
	       : at == 4 || at == 5	     ? 2
	       : at == IPV6_NEXT_HEADER_AT   ? 9
	       : at == 7		     ? 8
	       : at < 8			     ? NO_COUNTERPART
	       : at < 24		     ? 12
	       : at < sizeof(struct ipv6hdr) ? 16
					     : NO_COUNTERPART;
}

/* An IPv6 packet is longer than the same in IPv4; `mtu` is that of the way to the receiver, which
 * the error must not exceed. */
static __always_inline __be32 mtu_in_ipv6(__u32 told, __u32 mtu)
{
	told += sizeof(struct ipv6hdr) - sizeof(struct iphdr);
	if (told > mtu)
		told = mtu;
	return bpf_htonl(told > IPV6_MIN_MTU ? told : IPV6_MIN_MTU);
}

static __always_inline __be16 mtu_in_ipv4(__u32 told, __u32 mtu)
{
	told -= sizeof(struct ipv6hdr) - sizeof(struct iphdr);
	return bpf_htons(told < mtu ? told : mtu);
}

static __always_inline int unreachable_in_ipv6(const struct icmp_header *from, __u32 quoted_length,
					       __u32 mtu, struct icmp_header *to)
{
	*to = (struct icmp_header){ICMPV6_DEST_UNREACH, ICMPV6_NO_ROUTE};
	switch (from->code) {
	case ICMP_PROTOCOL_UNREACHABLE:
		*to = (struct icmp_header){ICMPV6_PARAMETER_PROBLEM, ICMPV6_UNKNOWN_PROTOCOL,
					   .mtu6 = bpf_htonl(IPV6_NEXT_HEADER_AT)};
		return 0;
	case ICMP_PORT_UNREACHABLE:
		to->code = ICMPV6_PORT_UNREACHABLE;
		return 0;
	case ICMP_FRAG_NEEDED:
		*to = (struct icmp_header){ICMPV6_PACKET_TOO_BIG};
		to->mtu6 = mtu_in_ipv6(bpf_ntohs(from->mtu) ?: plateau_below(quoted_length), mtu);
		return 0;
	case ICMP_NETWORK_PROHIBITED:
	case ICMP_HOST_PROHIBITED:
	case ICMP_PROHIBITED:
	case ICMP_PRECEDENCE_CUTOFF:
		to->code = ICMPV6_PROHIBITED;
		return 0;
	case ICMP_PRECEDENCE_VIOLATION:
		return -1;
	default: /* other reasons why there is no way to the host */
		return from->code > ICMP_PRECEDENCE_CUTOFF ? -1 : 0;
	}
}

/* Sets *to to what an ICMP header says in ICMPv6; `quoted_length` is what the IPv4 packet had that
 * it is about. Returns 0, or -1 if there is no counterpart. */
static __always_inline int icmp_in_ipv6(const struct icmp_header *from, __u32 quoted_length,
					__u32 mtu, struct icmp_header *to)
{
	__u8 pointer = pointer_in_ipv6(*(__u8 *)&from->unused);

	switch (from->type) {
	case ICMP_DEST_UNREACH:
		return unreachable_in_ipv6(from, quoted_length, mtu, to);
	case ICMP_TIME_EXCEEDED:
		*to = (struct icmp_header){ICMPV6_TIME_EXCEEDED, from->code};
		return 0;
	case ICMP_PARAMETERPROB:
		if (pointer == NO_COUNTERPART ||
		    (from->code != ICMPV6_BAD_FIELD && from->code != ICMP_BAD_LENGTH))
			return -1;
		*to = (struct icmp_header){ICMPV6_PARAMETER_PROBLEM, ICMPV6_BAD_FIELD,
					   .mtu6 = bpf_htonl(pointer)};
		return 0;
	default:
		return -1;
	}
}

static __always_inline int problem_in_ipv4(const struct icmp_header *from, struct icmp_header *to)
{
	__u8 pointer = pointer_in_ipv4(bpf_ntohl(from->mtu6));

	if (from->code == ICMPV6_UNKNOWN_PROTOCOL) {
		*to = (struct icmp_header){ICMP_DEST_UNREACH, ICMP_PROTOCOL_UNREACHABLE};
		return 0;
	}
	if (from->code != ICMPV6_BAD_FIELD || pointer == NO_COUNTERPART)
		return -1;
	*to = (struct icmp_header){ICMP_PARAMETERPROB};
	*(__u8 *)&to->unused = pointer;
	return 0;
}

/* The way back: sets *to to what an ICMPv6 header says in ICMP. */
static __always_inline int icmp_in_ipv4(const struct icmp_header *from, __u32 mtu,
					struct icmp_header *to)
{
	switch (from->type) {
	case ICMPV6_DEST_UNREACH:
		*to = (struct icmp_header){ICMP_DEST_UNREACH, ICMP_HOST_UNREACHABLE};
		if (from->code == ICMPV6_PROHIBITED)
			to->code = ICMP_HOST_PROHIBITED;
		if (from->code == ICMPV6_PORT_UNREACHABLE)
			to->code = ICMP_PORT_UNREACHABLE;
		return from->code > ICMPV6_PORT_UNREACHABLE ? -1 : 0;
	case ICMPV6_PACKET_TOO_BIG:
		*to = (struct icmp_header){ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
					   .mtu = mtu_in_ipv4(bpf_ntohl(from->mtu6), mtu)};
		return 0;
	case ICMPV6_TIME_EXCEEDED:
		*to = (struct icmp_header){ICMP_TIME_EXCEEDED, from->code};
		return 0;
	default:
		return problem_in_ipv4(from, to);
	}
}

#endif
