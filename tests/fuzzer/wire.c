/* SPDX-License-Identifier: GPL-2.0-only */
#include "wire.h"

#include <arpa/inet.h>
#include <string.h>

unsigned get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

void put16(uint8_t *at, unsigned value)
{
	at[0] = value >> 8;
	at[1] = value;
}

void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

unsigned ones_sum(unsigned sum, const uint8_t *data, unsigned length)
{
	uint64_t total = sum;

	for (unsigned i = 0; i + 1 < length; i += 2)
		total += get16(data + i);
	if (length % 2)
		total += data[length - 1] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

unsigned pseudo_sum(const struct address *source, const struct address *destination,
		    unsigned protocol, unsigned length)
{
	unsigned sum = ones_sum(protocol, source->bytes, address_length(source->family));

	sum = ones_sum(sum + length, destination->bytes, address_length(destination->family));
	return ones_sum(sum, NULL, 0);
}

int same_sum(unsigned a, unsigned b)
{
	return a % 0xffff == b % 0xffff;
}

void age(uint8_t *packet)
{
	unsigned before, sum;

	if (packet[0] >> 4 == 6) {
		packet[7]--;
		return;
	}
	before = get16(packet + 8);
	packet[8]--;
	sum = (~get16(packet + 10) & 0xffff) + (~before & 0xffff) + get16(packet + 8);
	put16(packet + 10, ~ones_sum(sum, NULL, 0));
}

struct address address_of(const char *text)
{
	struct address address = {.family = strchr(text, ':') ? 6 : 4};

	inet_pton(address.family == 6 ? AF_INET6 : AF_INET, text, address.bytes);
	return address;
}

const char *text_of(const struct address *address)
{
	static char text[4][INET6_ADDRSTRLEN];
	static int next;

	next = (next + 1) % 4;
	return inet_ntop(address->family == 6 ? AF_INET6 : AF_INET, address->bytes, text[next],
			 sizeof(text[next]));
}

unsigned address_length(int family)
{
	return family == 4 ? 4 : 16;
}

int same_address(const struct address *a, const struct address *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static struct address address_at(const uint8_t *at, int family)
{
	struct address address = {.family = family};

	memcpy(address.bytes, at, address_length(family));
	return address;
}

int is_extension(unsigned protocol)
{
	return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 60;
}

/* RFC 8200, 4. Our programs read 8 headers at most, and 1024 bytes. */
enum chain walk_extensions(const uint8_t *frame, unsigned end, struct walk *walk)
{
	unsigned start = walk->at, length;
	const uint8_t *header;

	for (int headers = 0; is_extension(walk->protocol); headers++) {
		if (walk->at + 8 > end)
			return CHAIN_BROKEN;
		header = frame + walk->at;
		length = walk->protocol == 44 ? 8 : header[1] * 8 + 8;
		if (walk->at + length > end)
			return CHAIN_BROKEN;
		if (walk->protocol == 43 && header[3])
			return CHAIN_UNREADABLE;
		walk->fragment_is_last = walk->protocol == 44;
		if (walk->protocol == 44) {
			walk->offset = get16(header + 2) & 0xfff8;
			walk->more = get16(header + 2) & 1;
			walk->id = get32(header + 4);
		}
		walk->protocol = header[0];
		walk->at += length;
		if (walk->offset)
			return CHAIN_READ; /* what follows is data */
		if (headers == 8 || walk->at - start > 1024)
			return CHAIN_UNREADABLE;
	}
	return CHAIN_READ;
}

int read_link(const uint8_t *frame, unsigned length, unsigned *l2)
{
	int type;

	*l2 = 14;
	if (length < 14)
		return -1;
	type = get16(frame + 12);
	for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); tags++) {
		if (*l2 + 4 > length)
			return -1;
		type = get16(frame + *l2 + 2);
		*l2 += 4;
	}
	return type;
}

/* The flow of an error is that of the packet that it quotes, backwards. */
static int read_quoted_ports(struct view *view, unsigned at, unsigned protocol,
			     const struct address *to)
{
	unsigned end = view->l2 + view->length;

	if ((protocol != PROTO_TCP && protocol != PROTO_UDP) || at + 8 > end)
		return 0;
	view->talk.source = *to;
	view->talk.source_port = get16(view->frame + at + 2);
	view->talk.destination_port = get16(view->frame + at);
	view->talk.protocol = protocol;
	view->quote_ports = at;
	return 1;
}

static int read_icmp_error(struct view *view)
{
	unsigned at = view->l2 + view->header, end = view->l2 + view->length;
	const uint8_t *icmp = view->frame + at, *quote = icmp + 8;
	struct address from, to;
	unsigned header;

	if (at + 28 > end || (icmp[0] != 3 && icmp[0] != 11 && icmp[0] != 12))
		return 0;
	header = (quote[0] & 15) * 4;
	from = address_at(quote + 12, 4);
	to = address_at(quote + 16, 4);
	if (quote[0] >> 4 != 4 || header < 20 || get16(quote + 6) & 0x1fff ||
	    !same_address(&from, &view->to))
		return 0;
	view->quote = at + 8;
	return read_quoted_ports(view, view->quote + header, quote[9], &to);
}

static int read_icmpv6_error(struct view *view)
{
	unsigned at = view->l2 + view->header, end = view->l2 + view->length;
	const uint8_t *icmp = view->frame + at, *quote = icmp + 8;
	struct walk walk = {.at = at + 48};
	struct address from, to;

	if (at + 48 > end || icmp[0] < 1 || icmp[0] > 4)
		return 0;
	from = address_at(quote + 8, 6);
	to = address_at(quote + 24, 6);
	walk.protocol = quote[6];
	if (quote[0] >> 4 != 6 || !same_address(&from, &view->to) ||
	    walk_extensions(view->frame, end, &walk) != CHAIN_READ || walk.offset)
		return 0;
	view->quote = at + 8;
	return read_quoted_ports(view, walk.at, walk.protocol, &to);
}

static enum kind read_tcp(struct view *view)
{
	const uint8_t *tcp = view->frame + view->l2 + view->header;
	unsigned length = view->length - view->header, header;

	if (length < 20)
		return BROKEN;
	header = (tcp[12] >> 4) * 4;
	if (header < 20 || (!view->is_first && header > length))
		return BROKEN;
	view->tcp_flags = tcp[13];
	view->sequence = get32(tcp + 4);
	view->acknowledgement = get32(tcp + 8);
	return FLOW;
}

static enum kind read_transport(struct view *view)
{
	const uint8_t *at = view->frame + view->l2 + view->header;
	unsigned length = view->length - view->header;
	enum kind kind = FLOW;

	switch (view->protocol) {
	case PROTO_TCP:
		kind = read_tcp(view);
		break;
	case PROTO_UDP:
		if (length < 8 || get16(at + 4) < 8 || (!view->is_first && get16(at + 4) > length))
			kind = BROKEN;
		break;
	case PROTO_ICMP:
		return view->family == 4 && read_icmp_error(view) ? ICMP_ERROR : OTHER;
	case PROTO_ICMPV6:
		return view->family == 6 && read_icmpv6_error(view) ? ICMP_ERROR : OTHER;
	default:
		return OTHER;
	}
	if (kind == FLOW) {
		view->talk.source_port = get16(at);
		view->talk.destination_port = get16(at + 2);
		view->talk.protocol = view->protocol;
	}
	return kind;
}

static enum kind read_ipv4(struct view *view)
{
	const uint8_t *ip = view->frame + view->l2;

	if (view->l2 + 20 > view->frame_length)
		return NOT_IP;
	view->family = 4;
	view->from = address_at(ip + 12, 4);
	view->to = address_at(ip + 16, 4);
	view->header = (ip[0] & 15) * 4;
	view->length = get16(ip + 2);
	if (ip[0] >> 4 != 4 || view->header < 20 || view->length < view->header ||
	    view->length > view->frame_length - view->l2)
		return BROKEN;
	view->class = ip[1];
	view->id = get16(ip + 4);
	view->offset = (get16(ip + 6) & 0x1fff) * 8;
	view->more = !!(get16(ip + 6) & 0x2000);
	view->hops = ip[8];
	view->protocol = ip[9];
	return FLOW;
}

static enum kind read_ipv6(struct view *view)
{
	const uint8_t *ip = view->frame + view->l2;
	struct walk walk = {.at = view->l2 + 40};

	if (view->l2 + 40 > view->frame_length)
		return NOT_IP;
	view->family = 6;
	view->from = address_at(ip + 8, 6);
	view->to = address_at(ip + 24, 6);
	view->length = 40 + get16(ip + 4);
	if (ip[0] >> 4 != 6 || view->length > view->frame_length - view->l2)
		return BROKEN;
	view->class = get16(ip) >> 4 & 255;
	view->hops = ip[7];
	walk.protocol = ip[6];
	switch (walk_extensions(view->frame, view->l2 + view->length, &walk)) {
	case CHAIN_BROKEN:
		return BROKEN;
	case CHAIN_UNREADABLE:
		return UNREADABLE;
	default:
		break;
	}
	view->header = walk.at - view->l2;
	view->protocol = walk.protocol;
	view->offset = walk.offset;
	view->more = walk.more;
	view->id = walk.id;
	view->is_fragment =
		walk.fragment_is_last; /* one in front of others, which says nothing, is none */
	return FLOW;
}

struct view read_frame(const uint8_t *frame, unsigned length)
{
	struct view view = {.frame = frame, .frame_length = length};
	int type = read_link(frame, length, &view.l2);

	if (length < 14 || (frame[0] | frame[6]) & 1 || (type != 0x800 && type != 0x86dd))
		return view;
	view.kind = type == 0x800 ? read_ipv4(&view) : read_ipv6(&view);
	view.talk.source = view.from;
	view.talk.destination = view.to;
	view.talk.protocol = view.protocol;
	if (view.kind != FLOW)
		return view;
	view.is_first = view.more && !view.offset;
	view.is_fragment |= view.offset || view.more;
	view.kind = view.offset ? LATER : read_transport(&view);
	return view;
}
