/* SPDX-License-Identifier: GPL-2.0-only */
#include "judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *wrong(const char *format, ...)
{
	static char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return text;
}

/* ---- Fragments ---- */

#define NOTES (1 << 23)

struct note {
	uint64_t key;
	const void *what;
};
static struct note *notes;

/* FNV-1a, 64 bits: two of some million keys agree with a probability of one in a million. */
static uint64_t hash(uint64_t h, const void *data, unsigned length)
{
	const uint8_t *bytes = data;

	while (length--)
		h = (h ^ *bytes++) * 0x100000001b3;
	return h;
}

/* Returns the place of a packet's note: what its fragments have in common (RFC 791, 3.2; RFC 8200,
 * 4.5), and which program has seen them. Sets *found, its key. */
static struct note *note_of(const struct trial *trial, const struct view *view, uint64_t *found)
{
	uint32_t rest[3] = {view->id, view->family == 4 ? view->protocol : 0, view->family};
	uint64_t key = hash(0xcbf29ce484222325, trial->program->name, strlen(trial->program->name));
	struct note *note;

	key = hash(key, view->from.bytes, 16);
	key = hash(key, view->to.bytes, 16);
	key = hash(key, rest, sizeof(rest)) | 1;
	if (!notes)
		notes = calloc(NOTES, sizeof(*notes));
	if (!notes)
		die("notes");
	for (uint64_t i = key >> 20, tries = 0; tries < NOTES; i++, tries++) {
		note = &notes[i % NOTES];
		if (!note->key || note->key == key) {
			*found = key;
			return note;
		}
	}
	die("more fragments than the model has room for");
}

/* (Never NULL: that is nobody's note.) */
void note_fragment(const struct trial *trial, const struct view *view, const void *what)
{
	struct note *note;
	uint64_t key;

	if (!view->is_first)
		return;
	note = note_of(trial, view, &key);
	*note = (struct note){key, what};
}

int recall_fragment(const struct trial *trial, const struct view *view, const void **what)
{
	uint64_t key;

	*what = note_of(trial, view, &key)->what;
	return *what != NULL;
}

/* ---- Counters ---- */

const char *counted(const struct trial *trial, const char *one, const char *other)
{
	if (!strcmp(trial->counter, one) || (other && !strcmp(trial->counter, other)))
		return NULL;
	return wrong("counted as %s; the model says %s%s%s", trial->counter, one,
		     other ? " or " : "", other ?: "");
}

static int is_no_host(const struct address *address)
{
	static const uint8_t zeros[15];
	const uint8_t *b = address->bytes;

	if (address->family == 4)
		return b[0] == 0 || b[0] == 127 || b[0] >= 224;
	return b[0] == 0xff || (!memcmp(b, zeros, 15) && b[15] <= 1);
}

int is_answerable(const struct view *view)
{
	return view->kind == FLOW && !is_no_host(&view->from) &&
	       !same_address(&view->from, &view->to) &&
	       !same_address(&view->from, &own[of(view->family)]);
}

const char *too_big(const struct view *view, unsigned mtu, const char **other)
{
	int may_fragment = view->family == 4 && !(view->frame[view->l2 + 6] & 0x40);

	*other = NULL;
	if (view->family == 6 && mtu < 1280)
		mtu = 1280;
	if (!is_answerable(view) || may_fragment || view->length <= mtu)
		return "too_big";
	*other = "icmp_limited";
	return "too_big_answered";
}

const char *time_exceeded(const struct view *view, const char **other)
{
	*other = is_answerable(view) ? "icmp_limited" : NULL;
	return *other ? "ttl_answered" : "ttl_expired";
}

/* ---- What is sent ---- */

static const char *check_icmp(const struct view *view, const struct view *error, unsigned mtu)
{
	const uint8_t *icmp = error->frame + error->l2 + error->header;
	unsigned length = error->length - error->header, sum = 0;
	int six = view->family == 6;

	if (six)
		sum = pseudo_sum(&error->from, &error->to, PROTO_ICMPV6, length);
	if (!same_sum(ones_sum(sum, icmp, length), 0))
		return wrong("wrong checksum of an ICMP error");
	if (mtu ? icmp[0] != (six ? 2 : 3) || icmp[1] != (six ? 0 : 4)
		: icmp[0] != (six ? 3 : 11) || icmp[1])
		return wrong("ICMP type %u code %u", icmp[0], icmp[1]);
	if (six && mtu && mtu < 1280)
		mtu = 1280;
	if (get32(icmp + 4) != mtu)
		return wrong("an ICMP error says %u, not %u", get32(icmp + 4), mtu);
	if (length - 8 > view->length || memcmp(icmp + 8, view->frame + view->l2, length - 8))
		return wrong("an ICMP error quotes another packet");
	if (length - 8 < (six && view->length < 1232 ? view->length & ~1U : view->header + 8))
		return wrong("an ICMP error quotes too little");
	return NULL;
}

const char *check_error(const struct trial *trial, const struct view *view, unsigned mtu,
			const struct address *source)
{
	struct view error = read_frame(trial->out->bytes, trial->out->length);

	if (memcmp(error.frame, view->frame + 6, 6) || memcmp(error.frame + 6, view->frame, 6) ||
	    error.l2 != view->l2 || memcmp(error.frame + 12, view->frame + 12, view->l2 - 12))
		return wrong("an ICMP error does not go back to where the packet came from");
	/* Read by its IP header alone: the quote may be of anything. */
	if (error.family != view->family || error.kind <= UNREADABLE || error.is_fragment ||
	    error.l2 + error.length != trial->out->length || error.hops < 2 ||
	    error.protocol != (view->family == 4 ? PROTO_ICMP : PROTO_ICMPV6) ||
	    error.header != (view->family == 4 ? 20 : 40))
		return wrong("IP header of an ICMP error");
	if (!same_address(&error.from, source) || !same_address(&error.to, &view->from))
		return wrong("addresses of an ICMP error");
	if (view->family == 4 && !same_sum(ones_sum(0, error.frame + error.l2, 20), 0))
		return wrong("wrong IP checksum of an ICMP error");
	if (error.length > (view->family == 4 ? 576 : 1280))
		return wrong("an ICMP error of %u bytes", error.length);
	return check_icmp(view, &error, mtu);
}

unsigned write_link(const struct hop *hop, int family, uint8_t *to)
{
	memcpy(to, hop->to, 6);
	memcpy(to + 6, hop->from, 6);
	put16(to + 12, family == 4 ? 0x800 : 0x86dd);
	return 14;
}

unsigned write_outer(const struct outer *outer, uint8_t *to)
{
	unsigned header = outer->to.family == 4 ? 20 : 40, n = address_length(outer->to.family);

	memset(to, 0, header);
	if (outer->to.family == 4) {
		to[0] = 0x45;
		to[1] = outer->class;
		put16(to + 2, header + outer->length);
		put16(to + 4, outer->mark);
		put16(to + 6, 0x4000);
		to[8] = 64;
		to[9] = outer->protocol;
	} else {
		put32(to, 6U << 28 | outer->class << 20 | outer->mark);
		put16(to + 4, outer->length);
		to[6] = outer->protocol;
		to[7] = 64;
	}
	memcpy(to + header - 2 * n, outer->from->bytes, n);
	memcpy(to + header - n, outer->to.bytes, n);
	if (outer->to.family == 4)
		put16(to + 10, ~ones_sum(0, to, 20));
	return header;
}

const char *same_frame(const struct trial *trial, const uint8_t *want, unsigned length)
{
	if (trial->out->length != length)
		return wrong("%u bytes came out; the model says %u", trial->out->length, length);
	for (unsigned i = 0; i < length; i++)
		if (trial->out->bytes[i] != want[i])
			return wrong("byte %u is %02x; the model says %02x", i,
				     trial->out->bytes[i], want[i]);
	return NULL;
}
