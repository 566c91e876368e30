/* SPDX-License-Identifier: GPL-2.0-only */
/* The model of xdp_l2dsr, xdp_ipip, xdp_gre, xdp_fou and xdp_gue. Each service has one backend, so
 * that it is known where a packet has to go. */
#include "judge.h"

#include <string.h>

/* What is between the outer IP header and the packet. */
struct envelope {
	const char *program;
	unsigned length;
	unsigned protocol; /* 0: the packet's own */
	unsigned port;	   /* of UDP */
};

static const struct envelope envelopes[] = {
	{"xdp_ipip", 0, 0, 0},
	{"xdp_gre", 4, PROTO_GRE, 0},
	{"xdp_fou", 8, PROTO_UDP, 5555},
	{"xdp_gue", 12, PROTO_UDP, 6080},
};

/* Returns the envelope of the program; NULL: xdp_l2dsr, which has none. */
static const struct envelope *envelope_of(const struct trial *trial)
{
	for (unsigned i = 0; i < sizeof(envelopes) / sizeof(*envelopes); i++)
		if (!strcmp(trial->program->name, envelopes[i].program))
			return &envelopes[i];
	return NULL;
}

static const char kernel[] = "the kernel has the first fragment";

/* What a packet means for a service, before a way is looked for. *service is NULL, or where it
 * shall go. Returns the counter, or NULL. */
static const char *find_service(const struct trial *trial, const struct view *view,
				const struct service **service)
{
	const void *noted;

	*service = NULL;
	switch (view->kind) {
	case NOT_IP:
		return "not_ours";
	case BROKEN:
		return is_vip(&view->to) ? "malformed" : "not_ours";
	case UNREADABLE:
		return is_vip(&view->to) ? "unreadable" : "not_ours";
	case LATER:
		if (!recall_fragment(trial, view, &noted))
			return is_vip(&view->to) ? "fragment_unknown" : "not_ours";
		if (noted == kernel)
			return "not_ours";
		*service = noted;
		return NULL;
	case FLOW:
	case ICMP_ERROR:
		*service = service_of(&view->talk);
		if (*service && (*service)->way != WAY_NOBODY)
			note_fragment(trial, view, *service);
		if (*service)
			return (*service)->way == WAY_NOBODY ? "no_backend" : NULL;
		break;
	case OTHER:
		break;
	}
	if (is_vip(&view->to))
		note_fragment(trial, view, kernel);
	return "not_ours";
}

/* The counter of a packet for a backend. *mtu is what an ICMP error has to say. */
static const char *find_way(const struct trial *trial, const struct view *view,
			    const struct service *service, unsigned overhead, const char **other)
{
	struct hop hop = hop_of(service->way);

	*other = NULL;
	if (service->way == WAY_NO_NEIGHBOUR)
		return "no_neighbour";
	if (service->way == WAY_NO_ROUTE)
		return "no_route";
	if (service->way == WAY_HERE)
		return "local";
	if (!envelope_of(trial) &&
	    (!memcmp(view->frame + 6, hop.to, 6) || !memcmp(view->frame + 6, hop.from, 6)))
		return "loop";
	if (envelope_of(trial) && view->hops <= 1)
		return time_exceeded(view, other);
	if (view->length + overhead > hop.mtu)
		return too_big(view, hop.mtu - overhead, other);
	return hop.is_other == trial->by_other ? "forwarded" : "redirected";
}

/* Whether a checksum of a packet is wrong: only then the one outside may be. (Without one, in a
 * fragment, behind extension headers, all of it has been read.) */
static int has_wrong_sum(const uint8_t *packet, unsigned length)
{
	struct address from = {.family = packet[0] >> 4}, to = from;
	unsigned at = from.family == 4 ? (packet[0] & 15) * 4 : 40, n = address_length(from.family);
	unsigned protocol = from.family == 4 ? packet[9] : packet[6], sum;

	if (from.family == 4 && !same_sum(ones_sum(0, packet, at), 0))
		return 1;
	if (from.family == 4 && get16(packet + 6) & 0x3fff)
		return 0;
	if (protocol != PROTO_TCP && protocol != PROTO_UDP && protocol != PROTO_ICMP &&
	    protocol != PROTO_ICMPV6)
		return 0;
	memcpy(from.bytes, packet + (n == 4 ? 12 : 8), n);
	memcpy(to.bytes, packet + (n == 4 ? 16 : 24), n);
	sum = n == 4 && protocol == PROTO_ICMP ? 0 : pseudo_sum(&from, &to, protocol, length - at);
	return !same_sum(ones_sum(sum, packet + at, length - at), 0);
}

/* Writes what is between outer IP header and packet. The UDP source port and checksum are those
 * that came out: check_udp() looks at them. Returns what is wrong, or NULL. */
static const char *write_shim(const struct trial *trial, const struct envelope *envelope,
			      const struct view *view, uint8_t *want, unsigned at)
{
	const uint8_t *got = trial->out->bytes + at;

	memset(want + at, 0, envelope->length);
	if (envelope->protocol == PROTO_GRE)
		put16(want + at + 2, view->family == 4 ? 0x800 : 0x86dd);
	if (envelope->protocol != PROTO_UDP)
		return NULL;
	memcpy(want + at, got, 2);
	put16(want + at + 2, envelope->port);
	put16(want + at + 4, envelope->length + view->length);
	memcpy(want + at + 6, got + 6, 2);
	if (envelope->length > 8)
		want[at + 9] = view->family == 4 ? PROTO_IPV4 : PROTO_IPV6;
	return get16(got) < 49152 ? wrong("UDP source port %u", get16(got)) : NULL;
}

/* RFC 768 lets IPv4 have no checksum, RFC 8200, 8.1 wants one in IPv6. */
static const char *check_udp(const struct trial *trial, const struct outer *outer, unsigned at,
			     unsigned packet)
{
	const uint8_t *udp = trial->out->bytes + at;
	unsigned sum;

	if (outer->to.family == 4)
		return get16(udp + 6) ? wrong("UDP checksum in IPv4") : NULL;
	sum = pseudo_sum(outer->from, &outer->to, PROTO_UDP, outer->length);
	if (get16(udp + 6) && same_sum(ones_sum(sum, udp, outer->length), 0))
		return NULL;
	return has_wrong_sum(udp + packet, outer->length - packet) && get16(udp + 6)
		       ? NULL
		       : wrong("wrong UDP checksum in IPv6");
}

static const char *check_envelope(const struct trial *trial, const struct view *view,
				  const struct service *service)
{
	const struct envelope *envelope = envelope_of(trial);
	unsigned inner = view->family == 4 ? PROTO_IPV4 : PROTO_IPV6, at, shim;
	struct hop hop = hop_of(service->way);
	struct outer outer = {.to = address_of(service->backend),
			      .protocol = envelope->protocol ?: inner,
			      .class = view->class,
			      .length = envelope->length + view->length};
	static uint8_t want[MAX_FRAME + 100];
	const char *complaint;

	outer.from = &own[of(outer.to.family)];
	at = write_link(&hop, outer.to.family, want);
	shim = at + write_outer(&outer, want + at);
	complaint = write_shim(trial, envelope, view, want, shim);
	at = shim + envelope->length;
	memcpy(want + at, view->frame + view->l2, view->frame_length - view->l2);
	age(want + at);
	if (!complaint)
		complaint = same_frame(trial, want, at + view->frame_length - view->l2);
	if (!complaint && envelope->protocol == PROTO_UDP)
		complaint = check_udp(trial, &outer, shim, envelope->length);
	return complaint;
}

static const char *check_same_packet(const struct trial *trial, const struct view *view,
				     const struct service *service)
{
	struct hop hop = hop_of(service->way);
	static uint8_t want[MAX_FRAME];
	unsigned at = write_link(&hop, view->family, want);

	memcpy(want + at, view->frame + view->l2, view->frame_length - view->l2);
	return same_frame(trial, want, at + view->frame_length - view->l2);
}

const char *judge_balancer(const struct trial *trial)
{
	struct view view = read_frame(trial->in->bytes, trial->in->length);
	const struct envelope *envelope = envelope_of(trial);
	const struct service *service;
	const char *want = find_service(trial, &view, &service), *other = NULL, *complaint;
	unsigned overhead = 0;

	/* A program may have forgotten the first fragment. */
	if (view.kind == LATER && (service || (want && !strcmp(want, "not_ours"))) &&
	    !strcmp(trial->counter, "fragment_unknown") && is_vip(&view.to))
		return NULL;
	if (service && !want) {
		if (envelope)
			overhead = envelope->length +
				   (address_of(service->backend).family == 4 ? 20 : 40);
		want = find_way(trial, &view, service, overhead, &other);
	}
	complaint = counted(trial, want, other);
	if (complaint)
		return complaint;
	if (!strcmp(trial->counter, "ttl_answered"))
		return check_error(trial, &view, 0, &own[of(view.family)]);
	if (!strcmp(trial->counter, "too_big_answered"))
		return check_error(trial, &view, hop_of(service->way).mtu - overhead, &view.to);
	if (trial->action != TX && trial->action != REDIRECT)
		return NULL;
	return envelope ? check_envelope(trial, &view, service)
			: check_same_packet(trial, &view, service);
}
