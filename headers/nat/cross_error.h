/* SPDX-License-Identifier: GPL-2.0-only */
/* An ICMP error goes over to the other family, with the packet that it quotes (RFC 7915, 4.2 and
 * 5.2). Its checksum is updated by what those headers differ in: what the quoted packet carries is
 * not read. */
#ifndef HEADERS_NAT_CROSS_ERROR_H
#define HEADERS_NAT_CROSS_ERROR_H

#include "../lb/verdict.h"
#include "crossing.h"
#include "icmp_codes.h"
#include "translate.h"

/* Reads the packet that an error quotes, `at` bytes behind the frame's first one, as far as it is
 * translated. Returns the length of its IP header, or -1: this is none that we have sent. */
static __always_inline int read_quote(struct xdp_md *ctx, struct crossing *crossing, __u32 at)
{
	__u32 left = crossing->l2_length + crossing->length - at;
	union ip_header *quote = &crossing->quote_from;
	int length;

	if (crossing->family == 4) {
		length = read_ipv4_facts(ctx, at, quote, &crossing->quoted);
		return length == sizeof(quote->ip) ? length : -1;
	}
	length = read_ipv6_facts(ctx, at, left, quote, &crossing->quoted);
	if (length == sizeof(quote->ip6))
		return length;
	if (length != sizeof(*quote) || !crossing->quoted.is_fragment ||
	    bpf_xdp_load_bytes(ctx, at + sizeof(quote->ip6), &quote->fragment,
			       sizeof(quote->fragment)))
		return -1;
	return length;
}

/* Returns whether a quote, which carries something from `at` on, has a TCP header in full. */
static __always_inline int is_tcp_in_full(const struct crossing *crossing, __u32 at)
{
	return crossing->quoted.protocol == IPPROTO_TCP &&
	       at + sizeof(crossing->transport) <= crossing->l2_length + crossing->length;
}

/* Turns the quoted ports into those that the error's receiver has used, and their checksum. */
static __always_inline void cross_quoted_ports(struct crossing *crossing, int tcp_in_full)
{
	const struct translation *becomes = &crossing->becomes;
	__u16 *words = crossing->transport;
	__u64 delta = delta_of_sums(sum_addresses(&crossing->quote_from, crossing->family),
				    sum_addresses(&crossing->quote_to, becomes->family));

	delta += translate_ports((void *)words, becomes->destination_port, becomes->source_port);
	if (crossing->quoted.protocol == IPPROTO_UDP)
		words[3] = udp_checksum_update(words[3], delta);
	else if (tcp_in_full)
		words[8] = checksum_update(words[8], delta);
}

/* Returns the sum over what an error's checksum covers, and what changes of it. */
static __always_inline __u64 sum_error(const struct crossing *crossing, __u8 family,
				       const struct icmp_header *icmp, const union ip_header *quote)
{
	const union ip_header *outer = family == crossing->family ? &crossing->from : &crossing->to;
	const __u16 *words = (const void *)icmp;
	__u64 sum = sum_header(quote) + words[0] + words[2] + words[3];

	for (__u32 i = 0; i < sizeof(crossing->transport) / sizeof(__u16); i++)
		sum += crossing->transport[i];
	if (family == 6) /* the pseudo header */
		sum += sum_addresses(outer, 6) + bpf_htonl(crossing->facts.payload) +
		       bpf_htons(IPPROTO_ICMPV6);
	return sum;
}

/* Reads the error, from its ICMP header on, `at` bytes behind the frame's first one. Returns the
 * length of the quoted IP header, or -1 if the other family cannot have it. */
static __always_inline int read_error(struct xdp_md *ctx, struct crossing *crossing, __u32 at)
{
	struct icmp_header *from = &crossing->icmp_from, *to = &crossing->icmp_to;
	__u32 mtu = crossing->hop.mtu;
	int quote_length;

	if (crossing->facts.is_fragment || bpf_xdp_load_bytes(ctx, at, from, sizeof(*from)))
		return -1;
	at += sizeof(*from);
	quote_length = read_quote(ctx, crossing, at);
	if (quote_length < 0 || read_transport(ctx, crossing, at + quote_length,
					       is_tcp_in_full(crossing, at + quote_length)))
		return -1;
	if (crossing->family == 4
		    ? icmp_in_ipv6(from, quote_length + crossing->quoted.payload, mtu, to)
		    : icmp_in_ipv4(from, mtu, to))
		return -1;
	return quote_length;
}

/* Puts the new headers into the frame, behind `at` bytes of link-layer header. Returns 0 or -1. */
static __always_inline int store_error(struct xdp_md *ctx, struct crossing *crossing, __u32 at,
				       int tcp_in_full)
{
	__u8 family = crossing->becomes.family;

	if (store_header(ctx, at, &crossing->to, ip_length(family)))
		return -1;
	at += ip_length(family);
	if (bpf_xdp_store_bytes(ctx, at, &crossing->icmp_to, sizeof(crossing->icmp_to)))
		return -1;
	at += sizeof(crossing->icmp_to);
	if (store_header(ctx, at, &crossing->quote_to, length_for(&crossing->quoted, family)))
		return -1;
	at += length_for(&crossing->quoted, family);
	return store_transport(ctx, crossing, at, tcp_in_full);
}

static __always_inline enum verdict cross_error(struct xdp_md *ctx, struct crossing *crossing)
{
	const struct translation *becomes = &crossing->becomes;
	__u32 at = crossing->l2_length + crossing->header_length, replaced;
	int quote_length = read_error(ctx, crossing, at), tcp_in_full, l2_length;
	__u64 before, after;

	if (quote_length < 0)
		return VERDICT_UNTRANSLATABLE;
	tcp_in_full = is_tcp_in_full(crossing, at + sizeof(struct icmp_header) + quote_length);
	replaced = crossing->header_length + quote_length;
	before = sum_error(crossing, crossing->family, &crossing->icmp_from, &crossing->quote_from);

	crossing->quoted.id = crossing->quoted.is_fragment ? crossing->quoted.id : 0;
	crossing->facts.payload -= quote_length;
	crossing->facts.payload +=
		write_header(&crossing->quoted, becomes->family, &becomes->destination,
			     &becomes->source, &crossing->quote_to);
	cross_quoted_ports(crossing, tcp_in_full);
	crossing->facts.protocol = becomes->family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	write_header(&crossing->facts, becomes->family, &crossing->complains, &becomes->destination,
		     &crossing->to);
	after = sum_error(crossing, becomes->family, &crossing->icmp_to, &crossing->quote_to);
	crossing->icmp_to.checksum =
		checksum_update(crossing->icmp_from.checksum, delta_of_sums(before, after));

	l2_length = replace(ctx, crossing, replaced,
			    ip_length(becomes->family) +
				    length_for(&crossing->quoted, becomes->family));
	if (l2_length < 0 || store_error(ctx, crossing, l2_length, tcp_in_full))
		return VERDICT_BUG;
	return VERDICT_GO_ON;
}

#endif
