/* SPDX-License-Identifier: GPL-2.0-only */
/* Is a packet a tunnel's, and which one's? It is told by the outer header alone, so that whatever
 * else a machine gets passes untouched.
 *
 * IP in IP and GRE are protocols of their own. A tunnel in UDP is a port, and whose port it is,
 * this host's entries in decap_addresses say: anything else in UDP is no tunnel of ours. */
#ifndef HEADERS_DECAP_FIND_H
#define HEADERS_DECAP_FIND_H

#include "../packet/tcp_udp.h"
#include "trust.h"

#define HOSTS 64

/* What decap_addresses says of an address as this host's own, or that it says nothing: each UDP
 * packet that the machine gets is asked for, and so the answer is kept (headers/lb/cache.h). */
struct host {
	union address address;
	__u8 family;
	__u8 tunnels; /* enum decap_tunnels; 0: it is not this host's */
	__be16 fou_port;
	__be16 gue_port;
	__u16 unused;
	__u64 expires; /* in jiffies */
};

/* The program's own: not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOSTS);
	__type(key, __u32);
	__type(value, struct host);
} hosts SEC(".maps");

/* Returns what is known of an outer destination, or NULL if the kernel had no such map. */
static __always_inline const struct host *find_host(const struct tunnel *tunnel)
{
	union address address = destination_at(tunnel->outer, tunnel->family);
	__u32 index = spread(fold(&address, tunnel->family), HOSTS);
	struct host *host = bpf_map_lookup_elem(&hosts, &index);
	struct decap_entry *entry;
	__u64 now = bpf_jiffies64();

	if (!host || (now < host->expires && host->family == tunnel->family &&
		      same_address(&host->address, &address, tunnel->family)))
		return host;
	*host = (struct host){
		.address = address, .family = tunnel->family, .expires = now + ABOUT_A_SECOND};
	entry = decap_allows(&address, tunnel->family, DECAP_HOST);
	if (!entry)
		return host;
	host->tunnels = entry->tunnels;
	host->fou_port = entry->fou_port;
	host->gue_port = entry->gue_port;
	return host;
}

/* Returns which tunnel has this UDP destination port here; 0: none. */
static __always_inline __u8 tunnel_of_port(const struct tunnel *tunnel, __be16 port)
{
	const struct host *host = find_host(tunnel);

	if (!host)
		return 0;
	if (host->tunnels & DECAP_GUE && host->gue_port == port)
		return DECAP_GUE;
	return host->tunnels & DECAP_FOU && host->fou_port == port ? DECAP_FOU : 0;
}

/* Returns which tunnel has tunnel->protocol, or 0. The cursor stands behind the IP header; what is
 * a piece of a packet, and not the first one, has no ports. */
static __always_inline __u8 kind_of(const struct tunnel *tunnel, const struct cursor *cursor,
				    int is_piece)
{
	struct ports *ports = cursor->pos;

	switch (tunnel->protocol) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		return DECAP_IPIP;
	case IPPROTO_GRE:
		return DECAP_GRE;
	case IPPROTO_UDP:
		if (is_piece || (void *)(ports + 1) > cursor->end)
			return 0;
		return tunnel_of_port(tunnel, ports->destination);
	default:
		return 0;
	}
}

static __always_inline enum decap_verdict find_in_ipv4(struct tunnel *tunnel, struct cursor cursor)
{
	struct iphdr *outer = cursor.pos;

	if ((void *)(outer + 1) > cursor.end)
		return DECAP_PLAIN;
	tunnel->outer = outer;
	tunnel->protocol = outer->protocol;
	cursor.pos += outer->ihl * 4;
	tunnel->kind = kind_of(tunnel, &cursor, is_later_fragment(outer));
	if (!tunnel->kind)
		return DECAP_PLAIN;
	return is_fragment(outer) ? DECAP_OUTER_FRAGMENT : DECAP_GO_ON;
}

/* An outer header with extension headers is refused, but to be one, it must have a tunnel behind
 * them: the kernel would find it there. */
static __always_inline enum decap_verdict find_behind_extensions(struct tunnel *tunnel,
								 struct cursor *cursor)
{
	struct chain_walk walk = {
		.ctx = tunnel->ctx,
		.at = tunnel->l2_length + sizeof(struct ipv6hdr),
		.end = tunnel->frame_length,
		.protocol = tunnel->protocol,
	};
	const struct host *host;

	switch (walk_chain(&walk)) {
	case CHAIN_BROKEN:
		return DECAP_PLAIN;
	case CHAIN_UNREADABLE:
		host = find_host(tunnel);
		return host && host->tunnels ? DECAP_UNREADABLE : DECAP_PLAIN;
	default:
		break;
	}
	tunnel->protocol = walk.protocol;
	cursor->pos += (walk.at - walk.start) & (2 * MAX_EXTENSION_BYTES - 1);
	if (!kind_of(tunnel, cursor, walk.fragment & bpf_htons(IPV6_FRAGMENT_OFFSET)))
		return DECAP_PLAIN;
	return walk.fragment_id || walk.fragment ? DECAP_OUTER_FRAGMENT : DECAP_MALFORMED;
}

static __always_inline enum decap_verdict find_in_ipv6(struct tunnel *tunnel, struct cursor cursor)
{
	struct ipv6hdr *outer = cursor.pos;

	if ((void *)(outer + 1) > cursor.end)
		return DECAP_PLAIN;
	tunnel->outer = outer;
	tunnel->protocol = outer->nexthdr;
	cursor.pos = outer + 1;
	if (is_extension(outer->nexthdr))
		return find_behind_extensions(tunnel, &cursor);
	tunnel->kind = kind_of(tunnel, &cursor, 0);
	return tunnel->kind ? DECAP_GO_ON : DECAP_PLAIN;
}

/* Finds out which tunnel a frame came by: the cursor stands on its IP header. Returns DECAP_GO_ON
 * and sets tunnel->kind and tunnel->protocol, or the verdict on what is none of ours. */
static __always_inline enum decap_verdict find_tunnel(struct tunnel *tunnel, struct cursor cursor)
{
	return tunnel->family == 4 ? find_in_ipv4(tunnel, cursor) : find_in_ipv6(tunnel, cursor);
}

/* Returns whether the inner packet is a tunnel again, which the kernel would open: the cursor
 * stands behind its IP header. */
static __always_inline int is_nested(const struct tunnel *tunnel, const struct cursor *cursor,
				     const struct trusted *trusted)
{
	struct ports *ports = cursor->pos;

	switch (tunnel->inner_protocol) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
	case IPPROTO_GRE:
		return 1;
	case IPPROTO_UDP:
		if (tunnel->inner_is_piece || (void *)(ports + 1) > cursor->end ||
		    !ports->destination)
			return 0;
		return ports->destination == trusted->fou_port ||
		       ports->destination == trusted->gue_port;
	default:
		return 0;
	}
}

#endif
