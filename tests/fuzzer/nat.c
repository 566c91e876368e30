/* SPDX-License-Identifier: GPL-2.0-only */
/* What must be true of xdp_nat. Which connections there are, it says by what it sends: an answer
 * must become what its request was. */
#include "judge.h"

#include <stddef.h>
#include <string.h>

/* ---- Connections ---- */

#define CONNECTIONS (1 << 20)

/* A request, by what its answers look like. Another connection may take its place in this table:
 * then nothing is known of it. */
static struct connection {
	struct talk answer, request;
} connections[CONNECTIONS];

static int same_talk(const struct talk *a, const struct talk *b)
{
	return same_address(&a->source, &b->source) &&
	       same_address(&a->destination, &b->destination) && a->source_port == b->source_port &&
	       a->destination_port == b->destination_port && a->protocol == b->protocol;
}

static struct talk backwards(const struct talk *talk)
{
	return (struct talk){talk->destination, talk->source, talk->destination_port,
			     talk->source_port, talk->protocol};
}

static unsigned hash_of(const struct talk *talk)
{
	unsigned h = talk->source_port * 31 + talk->destination_port * 2654435761U + talk->protocol;

	for (int i = 0; i < 16; i++)
		h = h * 31 + talk->source.bytes[i];
	return h ^ h >> 15;
}

static struct connection *connection_of(const struct talk *answer)
{
	return &connections[hash_of(answer) % CONNECTIONS];
}

/* First packets of connections that could not go on, because their hops had ended, say: a port was
 * lent, and nobody has seen which one. By their hashes, of which none is forgotten: that would
 * accuse an answer. */
static uint8_t unseen[1 << 24];

static uint8_t *unseen_of(const struct talk *request)
{
	return &unseen[hash_of(request) % sizeof(unseen)];
}

/* ---- Counters ---- */

static int sends(const struct trial *trial)
{
	return !strcmp(trial->counter, "forwarded") || !strcmp(trial->counter, "redirected");
}

static int is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return 1;
	return 0;
}

static const char kernel[] = "the kernel has it", translated[] = "it was translated";

/* What is certain by the packet alone: the counter that it must have; or NULL. */
static const char *certain(const struct trial *trial, const struct view *view)
{
	const struct service *service = service_of(&view->talk);
	int to_vip = is_vip(&view->to), opens;

	if (view->kind == NOT_IP || (!to_vip && !same_address(&view->to, &own[of(view->family)])))
		return "not_ours";
	switch (view->kind) {
	case BROKEN:
		return to_vip ? "malformed" : "not_ours";
	case UNREADABLE:
		return to_vip ? "unreadable" : "not_ours";
	case OTHER:
		if (to_vip)
			note_fragment(trial, view, kernel);
		return "not_ours";
	case FLOW:
		opens = view->protocol == PROTO_UDP ||
			(view->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
		if (to_vip && !service)
			note_fragment(trial, view, kernel);
		if (to_vip && service && service->way == WAY_NOBODY)
			return opens ? "no_backend" : "no_connection";
		if (to_vip)
			return service ? NULL : "not_ours";
		if (view->talk.destination_port < FIRST_LENT)
			return "not_ours";
		return NULL;
	default:
		return NULL;
	}
}

/* The others that a packet may have: it depends on connections. */
static const char *check_counter(const struct trial *trial, const struct view *view)
{
	static const char *const requests[] = {"no_connection",	   "ports_exhausted",
					       "connections_full", "ttl_answered",
					       "ttl_expired",	   "too_big_answered",
					       "too_big",	   "icmp_limited",
					       "untranslatable",   NULL};
	static const char *const errors[] = {"not_ours",       "ttl_expired", "too_big",
					     "untranslatable", "no_route",    "no_neighbour",
					     "local",	       NULL};
	static const char *const answers[] = {"late_reply",
					      "ttl_answered",
					      "ttl_expired",
					      "too_big_answered",
					      "too_big",
					      "icmp_limited",
					      "untranslatable",
					      "no_route",
					      "no_neighbour",
					      "local",
					      NULL};
	static const char *const pieces[] = {"fragment_unknown", "not_ours",	   "ttl_expired",
					     "too_big",		 "untranslatable", "no_route",
					     "no_neighbour",	 "local",	   NULL};
	static const char *const ways[] = {[WAY_NO_NEIGHBOUR] = "no_neighbour",
					   [WAY_NO_ROUTE] = "no_route",
					   [WAY_HERE] = "local"};
	const struct service *service = service_of(&view->talk);
	const char *way = service ? ways[service->way] : NULL;

	if (sends(trial))
		return view->hops > 1 ? NULL : wrong("sent with a hop limit of %u", view->hops);
	if (view->kind == ICMP_ERROR		  ? is_one_of(trial->counter, errors)
	    : view->kind == LATER		  ? is_one_of(trial->counter, pieces)
	    : !is_vip(&view->to)		  ? is_one_of(trial->counter, answers)
	    : way && !strcmp(trial->counter, way) ? 1
						  : is_one_of(trial->counter, requests))
		return NULL;
	return wrong("counted as %s", trial->counter);
}

/* ---- Addresses and ports ---- */

static const char *check_request(const struct talk *before, const struct talk *after)
{
	const struct service *service = service_of(before);
	struct address backend;
	struct talk answer = backwards(after);

	if (!service || !service->backend || service->way >= WAY_NOBODY)
		return wrong("sent, although there is no way");
	backend = address_of(service->backend);
	if (!same_address(&after->destination, &backend) ||
	    after->destination_port != (service->backend_port ?: service->port) ||
	    !same_address(&after->source, &own[of(backend.family)]))
		return wrong("a request goes from %s to %s port %u", text_of(&after->source),
			     text_of(&after->destination), after->destination_port);
	if (after->source_port < FIRST_LENT)
		return wrong("port %u is not lent", after->source_port);
	*connection_of(&answer) = (struct connection){answer, *before};
	return NULL;
}

static const char *check_answer(const struct talk *before, const struct talk *after)
{
	struct connection *known = connection_of(before);
	struct talk want = backwards(&known->request), request = backwards(after);

	if (!same_talk(&known->answer, before) || same_talk(after, &want))
		return NULL;
	if (*unseen_of(&request)) {
		known->request = request;
		return NULL;
	}
	return wrong(
		"an answer goes to %s port %u, as %s port %u; the request came from %s port %u",
		text_of(&after->destination), after->destination_port, text_of(&after->source),
		after->source_port, text_of(&want.destination), want.destination_port);
}

/* A fragment without ports. */
static const char *check_piece(const struct trial *trial, const struct view *in,
			       const struct view *out)
{
	const void *noted;

	if (!recall_fragment(trial, in, &noted) || noted != translated)
		return wrong("a fragment is sent whose first one was not");
	return is_vip(&in->to) ? same_address(&out->from, &own[of(out->family)])
					 ? NULL
					 : wrong("a fragment comes from %s", text_of(&out->from))
	       : is_vip(&out->from)
		       ? NULL
		       : wrong("a fragment of an answer comes from %s", text_of(&out->from));
}

static const char *check_talk(const struct trial *trial, const struct view *in,
			      const struct view *out)
{
	const struct address *from = &out->talk.source;

	if (in->kind == LATER)
		return check_piece(trial, in, out);
	if (in->kind == ICMP_ERROR && !same_address(&in->from, &in->talk.source))
		from = in->family == out->family ? &in->from : &own[of(out->family)];
	if (!same_address(&out->from, from))
		return wrong("an ICMP error comes from %s", text_of(&out->from));
	return is_vip(&in->to) ? check_request(&in->talk, &out->talk)
			       : check_answer(&in->talk, &out->talk);
}

/* ---- Headers ---- */

static const char *check_link(const struct trial *trial, const struct view *in,
			      const struct view *out)
{
	const struct service *service = service_of(&in->talk);
	struct hop hop;

	if (out->l2 != 14) /* no way leads through a VLAN device */
		return wrong("VLAN tags");
	if (in->kind == LATER || !is_vip(&in->to))
		return NULL;
	hop = hop_of(service->way);
	if (memcmp(out->frame, hop.to, 6) || memcmp(out->frame + 6, hop.from, 6) ||
	    (trial->action == TX) != (hop.is_other == trial->by_other))
		return wrong("MAC addresses, or device");
	return NULL;
}

/* Options, extension headers and all that a router leaves alone. */
static const char *check_same_header(const struct view *in, const struct view *out)
{
	const uint8_t *before = in->frame + in->l2, *after = out->frame + out->l2;
	unsigned first = in->family == 4 ? 8 : 7, rest = in->family == 4 ? 20 : 40;

	if (out->header != in->header || memcmp(before, after, first) ||
	    memcmp(before + rest, after + rest, in->header - rest))
		return wrong("the IP header has changed");
	if (in->family == 4 && (before[9] != after[9] || !same_sum(ones_sum(0, before, in->header),
								   ones_sum(0, after, in->header))))
		return wrong("the IPv4 header's checksum");
	return NULL;
}

/* RFC 7915, 4.1 and 5.1. */
static const char *check_new_header(const struct view *in, const struct view *out)
{
	const uint8_t *ip = out->frame + out->l2;
	int piece = in->is_fragment;

	if (out->family == 6 && (get32(ip) & 0xfffff || out->header != (piece ? 48 : 40)))
		return wrong("IPv6 header of %u bytes, flow label %x", out->header,
			     get32(ip) & 0xfffff);
	if (out->family == 4 &&
	    (ip[0] != 0x45 || !same_sum(ones_sum(0, ip, 20), 0) ||
	     !!(ip[6] & 0x40) != (!piece && out->length > 1260) || ip[6] & 0x80))
		return wrong("IPv4 header");
	if (out->offset != in->offset || out->more != in->more ||
	    (piece && (out->id & 0xffff) != (in->id & 0xffff)))
		return wrong("a fragment has become another");
	if (in->kind == ICMP_ERROR)
		return NULL;
	if (out->length - out->header != in->length - in->header)
		return wrong("length of the packet");
	return in->kind == LATER || out->protocol == in->protocol ? NULL : wrong("protocol");
}

static const char *check_header(const struct view *in, const struct view *out)
{
	unsigned padding = in->frame_length - in->l2 - in->length;

	if (out->kind != in->kind)
		return wrong("it is of kind %d now, and was of kind %d", out->kind, in->kind);
	if (out->hops != in->hops - 1 || out->class != in->class)
		return wrong("hop limit %u, class %u", out->hops, out->class);
	if (out->frame_length - out->l2 - out->length != padding ||
	    memcmp(in->frame + in->frame_length - padding, out->frame + out->frame_length - padding,
		   padding))
		return wrong("padding");
	return in->family == out->family ? check_same_header(in, out) : check_new_header(in, out);
}

/* ---- What it carries ---- */

/* What a right checksum makes 0, over all that is behind the IP header. */
static unsigned transport_sum(const struct view *view, unsigned length)
{
	unsigned sum = 0;

	if (view->protocol != PROTO_ICMP)
		sum = pseudo_sum(&view->from, &view->to, view->protocol, length);
	return ones_sum(sum, view->frame + view->l2 + view->header, length);
}

static const char *check_ports_and_data(const struct view *in, const struct view *out)
{
	const uint8_t *before = in->frame + in->l2 + in->header;
	const uint8_t *after = out->frame + out->l2 + out->header;
	unsigned length = in->length - in->header, check = in->protocol == PROTO_UDP ? 6 : 16;
	unsigned was = get16(before + check), is = get16(after + check);

	if (memcmp(before + 4, after + 4, check - 4) ||
	    memcmp(before + check + 2, after + check + 2, length - check - 2))
		return wrong("what it carries has changed");
	if (in->protocol == PROTO_UDP && !was && in->family == 4 && out->family == 6)
		return is && same_sum(transport_sum(out, get16(after + 4)), 0)
			       ? NULL
			       : wrong("the UDP checksum that IPv6 needs");
	if (in->protocol == PROTO_UDP && (!was || !is))
		return was == is ? NULL : wrong("UDP checksum %04x has become %04x", was, is);
	return same_sum(transport_sum(in, length), transport_sum(out, length)) ? NULL
									       : wrong("checksum");
}

/* The counterparts of ICMP and ICMPv6 errors (RFC 7915, 4.2 and 5.2), as far as type and code say
 * it. */
static int is_counterpart(const uint8_t *four, const uint8_t *six, int to_six)
{
	static const uint8_t to6[16] = {0, 0, 0, 4, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 1};
	static const uint8_t to4[5] = {1, 10, 1, 1, 3};

	if (four[0] == 11 || six[0] == 3)
		return four[0] == 11 && six[0] == 3 && four[1] == six[1];
	if (four[0] == 12)
		return six[0] == 4 && six[1] == 0 &&
		       (to_six ? four[1] == 0 || four[1] == 2 : !four[1]);
	if (six[0] == 2)
		return four[0] == 3 && four[1] == 4;
	if (six[0] == 4)
		return four[0] == 3 && four[1] == 2 && six[1] == 1;
	if (four[0] != 3 || six[0] != 1)
		return 0;
	return to_six ? four[1] < 16 && four[1] != 2 && four[1] != 4 && four[1] != 14 &&
				six[1] == to6[four[1]]
		      : six[1] < 5 && four[1] == to4[six[1]];
}

static const char *check_icmp_header(const struct view *in, const struct view *out)
{
	const uint8_t *before = in->frame + in->l2 + in->header;
	const uint8_t *after = out->frame + out->l2 + out->header;

	if (in->family == out->family)
		return before[0] == after[0] && before[1] == after[1] &&
				       get32(before + 4) == get32(after + 4)
			       ? NULL
			       : wrong("the ICMP header has changed");
	return (in->family == 4 ? is_counterpart(before, after, 1)
				: is_counterpart(after, before, 0))
		       ? NULL
		       : wrong("ICMP type %u code %u has become type %u code %u", before[0],
			       before[1], after[0], after[1]);
}

/* What a quoted packet's checksum covers of what may have changed: addresses, ports, itself. */
static unsigned quoted_sum(const struct view *view, unsigned length)
{
	const uint8_t *quote = view->frame + view->quote;
	unsigned sum = quote[0] >> 4 == 4 ? ones_sum(0, quote + 12, 8) : ones_sum(0, quote + 8, 32);

	return ones_sum(sum, view->frame + view->quote_ports, length);
}

static const char *check_quote(const struct view *in, const struct view *out)
{
	const uint8_t *before = in->frame + in->quote_ports, *after = out->frame + out->quote_ports;
	unsigned left = in->l2 + in->length - in->quote_ports, header = in->quote_ports - in->quote;
	int is_udp = in->talk.protocol == PROTO_UDP;
	unsigned check = is_udp ? 6 : 16, covered = is_udp ? 8 : 20;

	if (out->l2 + out->length - out->quote_ports != left)
		return wrong("length of the quote");
	if (in->family == 4 && out->family == 4 &&
	    !same_sum(ones_sum(0, in->frame + in->quote, header),
		      ones_sum(0, out->frame + out->quote, header)))
		return wrong("checksum of the quoted IPv4 header");
	if (memcmp(before + 4, after + 4, is_udp || left < covered ? (is_udp ? 2 : left - 4) : 12))
		return wrong("the quote has changed");
	if (left < covered)
		return NULL;
	if (memcmp(before + check + 2, after + check + 2, left - check - 2))
		return wrong("the end of the quote has changed");
	if (is_udp && !get16(before + 6))
		return get16(after + 6) ? wrong("a quoted UDP checksum from nowhere") : NULL;
	return same_sum(quoted_sum(in, covered), quoted_sum(out, covered))
		       ? NULL
		       : wrong("quoted checksum");
}

static const char *check_error_sent(const struct view *in, const struct view *out)
{
	const char *complaint = check_icmp_header(in, out);

	if (!complaint)
		complaint = check_quote(in, out);
	if (!complaint && !same_sum(transport_sum(in, in->length - in->header),
				    transport_sum(out, out->length - out->header)))
		complaint = wrong("checksum of an ICMP error");
	return complaint;
}

static const char *check_data(const struct view *in, const struct view *out)
{
	if (in->kind == ICMP_ERROR)
		return check_error_sent(in, out);
	if (in->kind == FLOW)
		return check_ports_and_data(in, out);
	return memcmp(in->frame + in->l2 + in->header, out->frame + out->l2 + out->header,
		      in->length - in->header)
		       ? wrong("what it carries has changed")
		       : NULL;
}

/* ---- ---- */

/* By how much a packet grows that goes over to the other family, where that is known. */
static int growth(const struct view *view, int family)
{
	int header = family == 4 ? 20 : 40;

	return family == view->family
		       ? 0
		       : header - (int)view->header + (family == 6 && view->is_first ? 8 : 0);
}

/* An ICMP error to the sender. (The way of an answer, and so its MTU, is the client's.) */
static const char *check_told(const struct trial *trial, const struct view *view)
{
	static const unsigned mtus[] = {1500, NARROW_MTU, 3000};
	const struct service *service = service_of(&view->talk);
	const char *complaint = NULL;
	int family;

	if (!strcmp(trial->counter, "ttl_answered"))
		return check_error(trial, view, 0, &own[of(view->family)]);
	if (is_vip(&view->to)) {
		family = address_of(service->backend).family;
		return check_error(trial, view, hop_of(service->way).mtu - growth(view, family),
				   &view->to);
	}
	for (unsigned i = 0; i < 6; i++) {
		complaint = check_error(trial, view, mtus[i / 2] - growth(view, i % 2 ? 6 : 4),
					&view->to);
		if (!complaint)
			break;
	}
	return complaint;
}

/* A packet whose connection is known: its fragments follow it, also if it goes no further. */
static void note_translated(const struct trial *trial, const struct view *view)
{
	static const char *const unknown[] = {"not_ours",	  "late_reply",
					      "no_connection",	  "ports_exhausted",
					      "connections_full", NULL};

	if (is_one_of(trial->counter, unknown))
		return;
	note_fragment(trial, view, translated);
	if (view->kind == FLOW && is_vip(&view->to) && !sends(trial))
		*unseen_of(&view->talk) = 1;
}

const char *judge_nat(const struct trial *trial)
{
	struct view in = read_frame(trial->in->bytes, trial->in->length), out;
	const char *must = certain(trial, &in);
	const char *complaint = must ? counted(trial, must, NULL) : check_counter(trial, &in);

	if (complaint || must)
		return complaint;
	note_translated(trial, &in);
	if (trial->action != TX && trial->action != REDIRECT)
		return NULL;
	if (!sends(trial))
		return check_told(trial, &in);
	out = read_frame(trial->out->bytes, trial->out->length);
	complaint = check_header(&in, &out);
	if (!complaint)
		complaint = check_talk(trial, &in, &out);
	if (!complaint)
		complaint = check_link(trial, &in, &out);
	return complaint ?: check_data(&in, &out);
}
