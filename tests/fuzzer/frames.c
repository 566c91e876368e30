/* SPDX-License-Identifier: GPL-2.0-only */
#include "frames.h"

#include <string.h>

#define ONE_OF(chance, array) (array)[pick(chance, sizeof(array) / sizeof(*(array)))]

static uint64_t next(struct chance *chance)
{
	uint64_t z = chance->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

struct chance chance_of(uint64_t seed, uint64_t number)
{
	struct chance chance = {seed};

	chance.state = next(&chance) ^ number;
	chance.state = next(&chance);
	return chance;
}

unsigned pick(struct chance *chance, unsigned n)
{
	return (next(chance) >> 32) * n >> 32;
}

/* A packet is built from its end to its beginning: each header goes in front of what is there. */
struct build {
	uint8_t room[MAX_FRAME];
	uint8_t *at; /* of its first byte */
};

static unsigned length_of(const struct build *build)
{
	return build->room + sizeof(build->room) - build->at;
}

static uint8_t *push(struct build *build, unsigned length)
{
	build->at -= length;
	return memset(build->at, 0, length);
}

/* How much a packet carries: often little, sometimes about as much as an MTU, seldom several pages.
 */
static unsigned some_length(struct chance *chance)
{
	switch (pick(chance, 16)) {
	case 0:
		return 1360 + pick(chance, 140);
	case 1:
		return pick(chance, 8) ? 1180 + pick(chance, 120) : 1500 + pick(chance, 7600);
	case 2:
		return pick(chance, 600);
	default:
		return pick(chance, 64);
	}
}

static void push_payload(struct chance *chance, struct build *build, unsigned length)
{
	uint8_t *at = push(build, length);

	for (unsigned i = 0; i < length; i++)
		at[i] = i * 7 + length;
	if (length)
		at[pick(chance, length)] = pick(chance, 256);
}

/* TCP or UDP of a talk in front of a payload. */
static void push_ports(struct chance *chance, struct build *build, const struct talk *talk)
{
	static const uint8_t flags[] = {TCP_SYN,	   TCP_SYN,	TCP_ACK,
					TCP_ACK,	   TCP_ACK | 8, TCP_SYN | TCP_ACK,
					TCP_FIN | TCP_ACK, TCP_RST,	TCP_RST | TCP_ACK};
	/* Either side begins with its own number, so that acknowledgements are believed. */
	int is_client = talk->source_port >= CLIENT_PORT;
	unsigned header =
		talk->protocol == PROTO_UDP ? 8 : 20 + 4 * (pick(chance, 4) ? 0 : pick(chance, 11));
	uint8_t *at = push(build, header);
	unsigned length = length_of(build), check;

	put16(at, talk->source_port);
	put16(at + 2, talk->destination_port);
	if (talk->protocol == PROTO_UDP) {
		put16(at + 4, length);
	} else {
		put32(at + 4, is_client ? 101 : 500);
		put32(at + 8, is_client ? 501 : 102);
		at[12] = header / 4 << 4;
		at[13] = ONE_OF(chance, flags);
		put16(at + 14, 64240);
		memset(at + 20, 1, header - 20);
	}
	check = ~ones_sum(pseudo_sum(&talk->source, &talk->destination, talk->protocol, length), at,
			  length) &
		0xffff;
	if (talk->protocol == PROTO_UDP)
		put16(at + 6, talk->source.family == 4 && !pick(chance, 4) ? 0 : check ?: 0xffff);
	else
		put16(at + 16, check);
}

/* Extension headers in front of what is there. Returns the protocol of the first one. */
static unsigned push_extensions(struct chance *chance, struct build *build, unsigned protocol)
{
	static const uint8_t kinds[] = {0, 43, 60, 60};
	unsigned count = pick(chance, 6) ? 0 : 1 + pick(chance, pick(chance, 4) ? 2 : 10), length;
	uint8_t *at;

	while (count--) {
		length = pick(chance, 8) ? 8 : 8 * (1 + pick(chance, 40));
		at = push(build, length);
		at[0] = protocol;
		at[1] = length / 8 - 1;
		protocol = ONE_OF(chance, kinds);
		if (protocol == 43) {
			at[2] = 4;
			at[3] = pick(chance, 4) ? 0 : 1;
		} else {
			at[2] = 1; /* PadN */
			at[3] = length > 255 ? 251 : length - 4;
		}
	}
	return protocol;
}

static unsigned some_class(struct chance *chance)
{
	return pick(chance, 3) ? 0 : pick(chance, 256);
}

static unsigned some_hops(struct chance *chance)
{
	return pick(chance, 12) ? 2 + pick(chance, 254) : pick(chance, 3);
}

/* Turns what is there into one fragment of a packet: the first or a later one. */
struct fragment {
	unsigned offset; /* in bytes */
	int more;
	uint32_t id;
};

static struct fragment some_fragment(struct chance *chance)
{
	struct fragment fragment = {0};

	if (pick(chance, 8))
		return fragment;
	fragment.id = 7 + pick(chance, 16);
	fragment.more = pick(chance, 3) > 0;
	fragment.offset = pick(chance, 2) ? 8 * pick(chance, 200) : 0;
	return fragment;
}

static void push_ipv4(struct chance *chance, struct build *build, const struct talk *talk)
{
	struct fragment fragment = some_fragment(chance);
	unsigned options = pick(chance, 10) ? 0 : 4 * pick(chance, 11);
	uint8_t *ip = push(build, 20 + options);

	ip[0] = 0x40 | (20 + options) / 4;
	ip[1] = some_class(chance);
	put16(ip + 2, length_of(build));
	put16(ip + 4, fragment.id ?: pick(chance, 65536));
	put16(ip + 6, fragment.offset / 8 | (fragment.more ? 0x2000 : 0) |
			      (!fragment.id && pick(chance, 3) ? 0x4000 : 0));
	ip[8] = some_hops(chance);
	ip[9] = talk->protocol;
	memcpy(ip + 12, talk->source.bytes, 4);
	memcpy(ip + 16, talk->destination.bytes, 4);
	memset(ip + 20, 1, options);
	put16(ip + 10, ~ones_sum(0, ip, 20 + options));
}

static void push_ipv6(struct chance *chance, struct build *build, const struct talk *talk)
{
	struct fragment fragment = some_fragment(chance);
	unsigned protocol = push_extensions(chance, build, talk->protocol);
	uint8_t *ip;

	if (fragment.id) {
		ip = push(build, 8);
		ip[0] = protocol;
		put16(ip + 2, fragment.offset | fragment.more);
		put32(ip + 4, fragment.id);
		protocol = push_extensions(chance, build, 44);
	}
	ip = push(build, 40);
	put32(ip, 6U << 28 | some_class(chance) << 20 | pick(chance, 1 << 20));
	put16(ip + 4, length_of(build) - 40);
	ip[6] = protocol;
	ip[7] = some_hops(chance);
	memcpy(ip + 8, talk->source.bytes, 16);
	memcpy(ip + 24, talk->destination.bytes, 16);
}

static void push_ip(struct chance *chance, struct build *build, const struct talk *talk)
{
	if (talk->source.family == 4)
		push_ipv4(chance, build, talk);
	else
		push_ipv6(chance, build, talk);
}

/* Who talks to whom: mostly a client to a service; or, if `answers`, also a backend to us. */
static struct talk some_talk(struct chance *chance, int answers)
{
	const struct service *service = &services[pick(chance, service_count)];
	int is_answer = answers && service->backend && pick(chance, 5) < 2;
	int f = pick(chance, 2);
	struct talk talk = {
		.source = pick(chance, 8) ? client[f] : stranger[f],
		.destination = vip[f],
		.source_port = CLIENT_PORT + pick(chance, CLIENT_PORTS),
		.destination_port = service->port,
		.protocol = pick(chance, 5) < 3 ? PROTO_TCP : PROTO_UDP,
	};

	if (is_answer) {
		talk.source = address_of(service->backend);
		talk.destination = own[of(talk.source.family)];
		talk.destination_port = talk.source_port;
		talk.source_port = service->backend_port ?: service->port;
		return talk;
	}
	switch (pick(chance, 40)) {
	case 0:
		talk.destination_port = 9999; /* no service */
		break;
	case 1:
		talk.destination = own[f];
		break;
	case 2:
		talk.destination = stranger[f];
		break;
	case 3:
		talk.source = own[f];
		break;
	case 4: /* nobody's: 0.0.0.1, ::1, a group's, the VIP itself */
		memset(talk.source.bytes, 0, 15);
		talk.source.bytes[f ? 15 : 3] = 1;
		talk.source.bytes[0] = pick(chance, 2) ? 0xff : 0;
		break;
	case 5:
		talk.source = vip[f];
		break;
	}
	return talk;
}

static void push_icmp_header(struct chance *chance, struct build *build, const struct talk *talk)
{
	static const uint8_t types[] = {3, 3, 3, 11, 12, 8};
	int f = of(talk->source.family);
	uint8_t *at = push(build, 8);
	unsigned sum = 0;

	at[0] = f ? 1 + pick(chance, pick(chance, 8) ? 4 : 150) : ONE_OF(chance, types);
	at[1] = pick(chance, pick(chance, 4) ? 5 : 17);
	if (f ? at[0] == 2 : at[0] == 3)
		put16(at + 6, pick(chance, 4) ? 1200 + pick(chance, 400) : 0);
	else
		at[f ? 7 : 4] = pick(chance, 48);
	if (f)
		sum = pseudo_sum(&talk->source, &talk->destination, PROTO_ICMPV6, length_of(build));
	put16(at + 2, ~ones_sum(sum, at, length_of(build)));
}

/* An ICMP error about a packet of this talk, from its source or a router, to its destination: the
 * quoted packet went the other way. */
static void push_icmp_error(struct chance *chance, struct build *build, struct talk talk)
{
	int f = of(talk.source.family);
	struct talk quoted = {talk.destination, talk.source, talk.destination_port,
			      talk.source_port, talk.protocol};
	unsigned quote;

	push_payload(chance, build, pick(chance, 80));
	push_ports(chance, build, &quoted);
	push_ip(chance, build, &quoted);
	/* RFC 792 quotes 8 bytes behind the header, others quote all; some too little. */
	quote = (f ? 40 : 20) + pick(chance, 2) * (8 + pick(chance, 80));
	if (quote < length_of(build) && pick(chance, 4)) {
		memmove(build->room + sizeof(build->room) - quote, build->at, quote);
		build->at = build->room + sizeof(build->room) - quote;
	}
	talk.protocol = f ? PROTO_ICMPV6 : PROTO_ICMP;
	if (pick(chance, 2))
		talk.source = router[f];
	push_icmp_header(chance, build, &talk);
	push_ip(chance, build, &talk);
}

/* A packet that is no tunnel's. Returns its talk. */
static struct talk push_packet(struct chance *chance, struct build *build, int answers)
{
	static const uint8_t others[] = {PROTO_IPV4,   PROTO_IPV6, PROTO_GRE, PROTO_ICMP,
					 PROTO_ICMPV6, 50,	   132};
	struct talk talk = some_talk(chance, answers);
	unsigned kind = pick(chance, 20);

	if (kind < 4) {
		push_icmp_error(chance, build, talk);
		return talk;
	}
	push_payload(chance, build, some_length(chance));
	if (kind == 4)
		talk.protocol = ONE_OF(chance, others);
	else
		push_ports(chance, build, &talk);
	push_ip(chance, build, &talk);
	return talk;
}

static void push_gre(struct chance *chance, struct build *build, int inner_family)
{
	int plain = pick(chance, 3), key = !plain && pick(chance, 2),
	    sequence = !plain && pick(chance, 2);
	int check = !plain && pick(chance, 2);
	uint8_t *at = push(build, 4 + 4 * (check + key + sequence));

	put16(at, check * 0x8000 | key * 0x2000 | sequence * 0x1000);
	put16(at + 2, inner_family == 4 ? 0x800 : 0x86dd);
	if (check)
		put16(at + 4, ~ones_sum(0, at, length_of(build)));
}

static void push_udp_tunnel(struct chance *chance, struct build *build, const struct host *host,
			    int is_gue)
{
	unsigned inner = build->at[0] >> 4 == 4 ? PROTO_IPV4 : PROTO_IPV6;
	unsigned words = pick(chance, 4) ? 0 : pick(chance, 8);
	uint8_t *at;

	if (is_gue && pick(chance, 4)) {
		at = push(build, 4 + 4 * words);
		at[0] = words;
		at[1] = inner;
	}
	at = push(build, 8);
	put16(at, 50000 + pick(chance, 100));
	put16(at + 2, is_gue ? host->gue_port : host->fou_port);
	put16(at + 4, length_of(build));
}

/* The outer header as our load balancers write it; sometimes with the mark of xdp_relay. */
static void push_outer(struct chance *chance, struct build *build, const struct talk *outer)
{
	int f = of(outer->destination.family);
	uint8_t *ip = push(build, f ? 40 : 20);

	if (f) {
		put32(ip, 6U << 28 | some_class(chance) << 20 | (pick(chance, 8) ? 0 : 1));
		put16(ip + 4, length_of(build) - 40);
		ip[6] = outer->protocol;
		ip[7] = 64;
		memcpy(ip + 8, outer->source.bytes, 16);
		memcpy(ip + 24, outer->destination.bytes, 16);
		return;
	}
	ip[0] = 0x45;
	ip[1] = some_class(chance);
	put16(ip + 2, length_of(build));
	put16(ip + 4, pick(chance, 8) ? 0 : 1);
	put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = outer->protocol;
	memcpy(ip + 12, outer->source.bytes, 4);
	memcpy(ip + 16, outer->destination.bytes, 4);
	put16(ip + 10, ~ones_sum(0, ip, 20));
}

/* Puts a packet into a tunnel to one of the hosts. */
static void push_tunnel(struct chance *chance, struct build *build)
{
	const struct host *host = &hosts[pick(chance, host_count)];
	struct talk outer = {.destination = address_of(host->name)};
	unsigned kind = pick(chance, 4), inner_family = build->at[0] >> 4;
	int f = of(outer.destination.family);

	outer.source = pick(chance, 16)	       ? own[f]
		       : pick(chance, 2) && !f ? address_of("10.99.0.9")
					       : stranger[f];
	if (!pick(chance, 30))
		outer.destination = stranger[f];
	if (kind == 0) {
		outer.protocol = inner_family == 4 ? PROTO_IPV4 : PROTO_IPV6;
	} else if (kind == 1) {
		outer.protocol = PROTO_GRE;
		push_gre(chance, build, inner_family);
	} else {
		outer.protocol = PROTO_UDP;
		push_udp_tunnel(chance, build, host, kind == 3);
	}
	if (!pick(chance, 10)) { /* fragments, options, extension headers */
		push_ip(chance, build, &outer);
		return;
	}
	push_outer(chance, build, &outer);
}

static void push_ethernet(struct chance *chance, struct build *build, const struct talk *talk)
{
	static const unsigned types[] = {0x8100, 0x8100, 0x88a8};
	unsigned type = build->at[0] >> 4 == 4 ? 0x800 : 0x86dd;
	unsigned tags = pick(chance, 5) ? 0 : 1 + pick(chance, 3);
	const uint8_t *from = gateway_mac;
	uint8_t *at;

	for (; tags; tags--) {
		at = push(build, 4);
		put16(at, pick(chance, 65536));
		put16(at + 2, type);
		type = ONE_OF(chance, types);
	}
	if (!same_address(&talk->source, &client[of(talk->source.family)]))
		from = pick(chance, 3) ? lan_mac : pick(chance, 4) ? other_mac : own_mac;
	at = push(build, 14);
	memcpy(at, own_mac, 6);
	memcpy(at + 6, from, 6);
	put16(at + 12, type);
}

/* Cuts a frame (6), gives it padding (7), or has some bytes from `at` on twice (8). */
static void resize(struct chance *chance, struct frame *frame, unsigned at, unsigned kind)
{
	unsigned n;

	if (kind == 6) {
		n = 14 + pick(chance, frame->length - 13);
		frame->length = n < frame->length ? n : frame->length;
	} else if (kind == 7) {
		n = 1 + pick(chance, 40);
		memset(frame->bytes + frame->length, pick(chance, 256), n);
		frame->length += n;
	} else {
		n = pick(chance, 24);
		if (at + n > frame->length)
			return;
		memmove(frame->bytes + at + n, frame->bytes + at, frame->length - at);
		frame->length += n;
	}
}

/* Changes some bytes: often none at all, so that the rest of the frame's way is tried, too. */
static void mutate(struct chance *chance, struct frame *frame)
{
	static const uint8_t values[] = {0,  1,	 4,  5,	   6,	 17,   41,   43,  44,
					 47, 58, 60, 0x40, 0x45, 0x60, 0x80, 0xff};
	static const uint8_t changes[] = {0, 0, 0, 1, 1, 1, 2, 3, 5};
	unsigned reach = frame->length < 150 ? frame->length : 150, at, kind;

	for (unsigned count = ONE_OF(chance, changes); count; count--) {
		at = pick(chance, 8) ? 12 + pick(chance, reach - 12) : pick(chance, 12);
		kind = pick(chance, 9);
		switch (kind) {
		case 0:
		case 1:
			frame->bytes[at] = ONE_OF(chance, values);
			break;
		case 2:
			frame->bytes[at] = pick(chance, 256);
			break;
		case 3:
		case 4:
			frame->bytes[at] ^= 1 << pick(chance, 8);
			break;
		case 5: /* a number that is a bit too large or too small, such as a length */
			at &= ~1U;
			put16(frame->bytes + at, get16(frame->bytes + at) + pick(chance, 17) - 8);
			break;
		default:
			resize(chance, frame, at, kind);
		}
		reach = frame->length < 150 ? frame->length : 150;
		if (reach < 15)
			return;
	}
}

void make_frame(struct chance *chance, enum taste taste, struct frame *frame)
{
	struct build build;
	struct talk talk;

	build.at = build.room + sizeof(build.room);
	talk = push_packet(chance, &build, taste == TASTE_NAT);
	if (taste == TASTE_DECAP ? pick(chance, 12) : !pick(chance, 40))
		push_tunnel(chance, &build);
	push_ethernet(chance, &build, &talk);
	frame->length = length_of(&build);
	memcpy(frame->bytes, build.at, frame->length);
	mutate(chance, frame);
	memset(frame->bytes + frame->length, 0, 64); /* what a careless reader finds behind it */
}
