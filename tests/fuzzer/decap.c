/* SPDX-License-Identifier: GPL-2.0-only */
/* The model of xdp_decap and xdp_relay. */
#include "judge.h"

#include <string.h>

/* A tunnel that is being opened. */
struct opening {
	const uint8_t *frame;
	unsigned frame_length, l2;
	int family; /* of the outer packet */
	struct address from, to;
	unsigned class, mark;
	unsigned kind;	   /* enum tunnel */
	unsigned protocol; /* what the header before `at` says is there */
	unsigned at, end;  /* of what is left */
	int inner_family;
	struct address vip;
	int is_piece; /* the inner packet is a later fragment */
};

static struct address address_at(const uint8_t *at, int family)
{
	struct address address = {.family = family};

	memcpy(address.bytes, at, address_length(family));
	return address;
}

/* Which tunnel it is, by the outer header; 0: none. */
static unsigned kind_of(const struct opening *o, int is_piece)
{
	const struct host *host;

	if (o->protocol == PROTO_IPV4 || o->protocol == PROTO_IPV6)
		return TUNNEL_IPIP;
	if (o->protocol == PROTO_GRE)
		return TUNNEL_GRE;
	if (o->protocol != PROTO_UDP || is_piece || o->at + 4 > o->frame_length)
		return 0;
	host = host_of(&o->to);
	if (host && host->tunnels & TUNNEL_GUE && host->gue_port == get16(o->frame + o->at + 2))
		return TUNNEL_GUE;
	return host && host->tunnels & TUNNEL_FOU && host->fou_port == get16(o->frame + o->at + 2)
		       ? TUNNEL_FOU
		       : 0;
}

/* Each step returns NULL, or the counter of a packet that goes no further. */
static const char *open_ipv4(struct opening *o)
{
	const uint8_t *ip = o->frame + o->l2;

	if (o->l2 + 20 > o->frame_length)
		return "plain";
	o->from = address_at(ip + 12, 4);
	o->to = address_at(ip + 16, 4);
	o->class = ip[1];
	o->mark = get16(ip + 4);
	o->protocol = ip[9];
	o->at = o->l2 + (ip[0] & 15) * 4;
	o->end = o->l2 + get16(ip + 2);
	o->kind = kind_of(o, get16(ip + 6) & 0x1fff);
	if (!o->kind)
		return "plain";
	if (get16(ip + 6) & 0x3fff)
		return "outer_fragment";
	return ip[0] != 0x45 || o->end < o->at || o->end > o->frame_length ? "malformed" : NULL;
}

static const char *open_ipv6(struct opening *o)
{
	const uint8_t *ip = o->frame + o->l2;
	struct walk walk = {.at = o->l2 + 40};
	enum chain chain;

	if (o->l2 + 40 > o->frame_length)
		return "plain";
	o->from = address_at(ip + 8, 6);
	o->to = address_at(ip + 24, 6);
	o->class = get16(ip) >> 4 & 255;
	o->mark = get32(ip) & 0xfffff;
	walk.protocol = ip[6];
	chain = walk_extensions(o->frame, o->frame_length, &walk);
	if (chain == CHAIN_UNREADABLE && host_of(&o->to))
		return "unreadable";
	if (chain != CHAIN_READ)
		return "plain";
	o->protocol = walk.protocol;
	o->at = walk.at;
	o->end = o->l2 + 40 + get16(ip + 4);
	o->kind = kind_of(o, walk.offset > 0);
	if (!o->kind)
		return "plain";
	if (walk.at > o->l2 + 40)
		return walk.id || walk.offset || walk.more ? "outer_fragment" : "malformed";
	return ip[0] >> 4 != 6 || o->end > o->frame_length ? "malformed" : NULL;
}

/* RFC 2784, RFC 2890. */
static const char *open_gre(struct opening *o)
{
	unsigned flags, length = 4;

	if (o->at + 4 > o->frame_length)
		return "malformed";
	flags = get16(o->frame + o->at);
	for (unsigned flag = 0x1000; flag <= 0x8000; flag <<= 1)
		length += flag != 0x4000 && flags & flag ? 4 : 0;
	o->protocol = get16(o->frame + o->at + 2) == 0x800 ? PROTO_IPV4 : PROTO_IPV6;
	if (flags & ~0xb000U || o->at + length > o->end ||
	    (get16(o->frame + o->at + 2) != 0x800 && get16(o->frame + o->at + 2) != 0x86dd))
		return "malformed";
	if (flags & 0x8000 && !same_sum(ones_sum(0, o->frame + o->at, o->end - o->at), 0))
		return "malformed";
	o->at += length;
	return NULL;
}

static const char *open_udp(struct opening *o)
{
	const uint8_t *gue;
	unsigned version;

	if (o->at + 8 > o->frame_length || o->end - o->at < 8 ||
	    get16(o->frame + o->at + 4) != o->end - o->at)
		return "malformed";
	o->at += 8;
	gue = o->frame + o->at;
	if (o->kind == TUNNEL_GUE && o->at + 4 > o->frame_length)
		return "malformed";
	if (o->kind == TUNNEL_GUE && gue[0] >> 6 != 1) {
		if (gue[0] & 0xe0 || get16(gue + 2) || o->at + 4 + (gue[0] & 31) * 4 > o->end)
			return "malformed";
		o->protocol = gue[1];
		o->at += 4 + (gue[0] & 31) * 4;
		return NULL;
	}
	version = o->at < o->frame_length ? gue[0] >> 4 : 0;
	o->protocol = version == 4 ? PROTO_IPV4 : version == 6 ? PROTO_IPV6 : 0;
	return NULL;
}

/* The inner packet must be all that is left. */
static const char *open_inner(struct opening *o)
{
	const uint8_t *ip = o->frame + o->at;
	unsigned left = o->end - o->at, header = 20;
	struct walk walk = {.at = o->at + 40};

	if (o->protocol != PROTO_IPV4 && o->protocol != PROTO_IPV6)
		return "malformed";
	o->inner_family = o->protocol == PROTO_IPV4 ? 4 : 6;
	if (o->at + (o->inner_family == 4 ? 20 : 40) > o->frame_length)
		return "malformed";
	if (o->inner_family == 4) {
		header = (ip[0] & 15) * 4;
		o->vip = address_at(ip + 16, 4);
		o->protocol = ip[9];
		o->is_piece = get16(ip + 6) & 0x1fff;
		o->at += header;
		return ip[0] >> 4 != 4 || header < 20 || get16(ip + 2) != left || header > left
			       ? "malformed"
			       : NULL;
	}
	if (ip[0] >> 4 != 6 || get16(ip + 4) + 40 != left)
		return "malformed";
	o->vip = address_at(ip + 24, 6);
	walk.protocol = ip[6];
	switch (walk_extensions(o->frame, o->end, &walk)) {
	case CHAIN_BROKEN:
		return "malformed";
	case CHAIN_UNREADABLE:
		return "unreadable";
	default:
		break;
	}
	o->protocol = walk.protocol;
	o->is_piece = walk.offset > 0;
	o->at = walk.at;
	return NULL;
}

static const char *trust(const struct opening *o)
{
	const struct host *host = host_of(&o->to);

	if (!is_balancer(&o->from))
		return "source_refused";
	if (!host)
		return "destination_refused";
	if (!(host->tunnels & o->kind))
		return "tunnel_refused";
	if (!is_vip(&o->vip))
		return "vip_refused";
	if (o->protocol == PROTO_IPV4 || o->protocol == PROTO_IPV6 || o->protocol == PROTO_GRE)
		return "nested";
	if (o->protocol == PROTO_UDP && !o->is_piece && o->at + 4 <= o->frame_length) {
		unsigned port = get16(o->frame + o->at + 2);

		if (port && (port == host->fou_port || port == host->gue_port))
			return "nested";
	}
	return NULL;
}

/* Carries congestion marks over (RFC 6040, 4.2). Returns the counter of a packet that is dropped.
 */
static const char *set_ecn(const struct opening *o, uint8_t *packet)
{
	unsigned outer = o->class & 3, shift = o->inner_family == 4 ? 0 : 4;
	unsigned inner = packet[1] >> shift & 3, before = get16(packet);

	if (outer == 3 && !inner)
		return "congested";
	if (outer != 3 && (outer != 1 || inner != 2))
		return NULL;
	packet[1] = (packet[1] & ~(3 << shift)) | outer << shift;
	if (o->inner_family == 4 && inner != outer)
		put16(packet + 10,
		      ~ones_sum((~get16(packet + 10) & 0xffff) + (~before & 0xffff) + get16(packet),
				NULL, 0));
	return NULL;
}

/* Writes what comes out of the tunnel. Returns the counter, and sets *length. */
static const char *unwrap(struct opening *o, uint8_t *want, unsigned *length)
{
	const char *counter;
	unsigned inner;
	int type = read_link(o->frame, o->frame_length, &o->l2);

	if (type != 0x800 && type != 0x86dd)
		return "plain";
	o->family = type == 0x800 ? 4 : 6;
	counter = o->family == 4 ? open_ipv4(o) : open_ipv6(o);
	if (!counter && o->kind == TUNNEL_GRE)
		counter = open_gre(o);
	else if (!counter && o->kind != TUNNEL_IPIP)
		counter = open_udp(o);
	if (counter)
		return counter;
	inner = o->at;
	counter = open_inner(o);
	if (!counter)
		counter = trust(o);
	if (counter)
		return counter;
	memcpy(want, o->frame, o->l2);
	put16(want + o->l2 - 2, o->inner_family == 4 ? 0x800 : 0x86dd);
	memcpy(want + o->l2, o->frame + inner, o->frame_length - inner);
	*length = o->l2 + o->frame_length - inner;
	return set_ecn(o, want + o->l2) ?: "decapsulated";
}

/* xdp_relay: whether a packet that has come out belongs to another backend. The fuzzer listens on
 * ports 8000 and 8600, and has no connection. Returns where it goes, or NULL. */
static const struct service *other_home(const struct opening *o, const struct view *view)
{
	const struct service *service = service_of(&view->talk);
	struct address backend;

	if (view->kind != FLOW && view->kind != ICMP_ERROR)
		return NULL;
	if (o->mark == 1 || view->talk.protocol != PROTO_TCP || !service ||
	    (service->port != 8000 && service->port != 8600))
		return NULL;
	if (view->kind == FLOW && (view->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return NULL;
	backend = address_of(service->backend);
	return same_address(&backend, &o->to) ? NULL : service;
}

/* It is handed on in IP in IP, with a mark. Writes that, and returns the counter. */
static const char *hand_on(const struct trial *trial, const struct view *view,
			   const struct service *service, uint8_t *want, unsigned *length)
{
	struct hop hop = hop_of(service->way);
	struct outer outer = {.to = address_of(service->backend),
			      .protocol = view->family == 4 ? PROTO_IPV4 : PROTO_IPV6,
			      .class = view->class,
			      .mark = 1,
			      .length = view->length};
	unsigned at;

	outer.from = &own[of(outer.to.family)];
	if (view->length + (outer.to.family == 4 ? 20 : 40) > hop.mtu)
		return "no_way";
	at = write_link(&hop, outer.to.family, want);
	at += write_outer(&outer, want + at);
	memcpy(want + at, view->frame + view->l2, view->frame_length - view->l2);
	*length = at + view->frame_length - view->l2;
	return hop.is_other == trial->by_other ? "handed_on" : "handed_aside";
}

const char *judge_decap(const struct trial *trial)
{
	static uint8_t want[MAX_FRAME], handed[MAX_FRAME + 100];
	struct opening opening = {.frame = trial->in->bytes, .frame_length = trial->in->length};
	unsigned length = trial->in->length, handed_length = 0;
	const char *counter = unwrap(&opening, want, &length), *complaint;
	const struct service *service = NULL;
	struct view view;

	if (!strcmp(counter, "decapsulated") && !strcmp(trial->program->name, "xdp_relay")) {
		view = read_frame(want, length);
		service = other_home(&opening, &view);
		if (service)
			counter = hand_on(trial, &view, service, handed, &handed_length);
	}
	complaint = counted(trial, counter, NULL);
	if (complaint || trial->action == DROP || !strcmp(counter, "plain"))
		return complaint;
	return service ? same_frame(trial, handed, handed_length) : same_frame(trial, want, length);
}
