/* SPDX-License-Identifier: GPL-2.0-only */
/* decap_stats: one counter for every way out of a backend's decapsulator. */
#ifndef MAPS_DECAP_STATS_H
#define MAPS_DECAP_STATS_H

#include "types/counter.h"

/* The names are shown by `scripts/lb decap stats`, in lower case and without the prefix. */
enum decap_verdict {
	/* XDP_PASS */
	DECAP_PLAIN,	      /* no tunnel: untouched */
	DECAP_DECAPSULATED,   /* the inner packet goes up to the kernel */
	DECAP_SYN_UNANSWERED, /* the same: a SYN of a flood, but no cookie could be sent for it */
	/* XDP_TX, XDP_REDIRECT: back to the client */
	DECAP_SYN_ANSWERED,	  /* a SYN of a flood: by a cookie */
	DECAP_SYN_ANSWERED_ASIDE, /* the same, on another interface */
	/* XDP_TX, XDP_REDIRECT: xdp_relay alone */
	DECAP_HANDED_ON,    /* to another backend, which may have the connection */
	DECAP_HANDED_ASIDE, /* the same, on another interface */
	/* XDP_DROP */
	DECAP_MALFORMED,	   /* lengths that disagree, outer or inner */
	DECAP_UNREADABLE,	   /* IPv6: a tunnel may stand behind too many extension headers */
	DECAP_OUTER_FRAGMENT,	   /* the tunnel never fragments: our load balancers set DF */
	DECAP_SOURCE_REFUSED,	   /* outer source is no load balancer of ours */
	DECAP_DESTINATION_REFUSED, /* outer destination is no address of this host */
	DECAP_TUNNEL_REFUSED,	   /* a tunnel of a kind that this host does not take */
	DECAP_NESTED,		   /* the inner packet is a tunnel again */
	DECAP_VIP_REFUSED,	   /* inner destination is no VIP of this host */
	DECAP_CONGESTED,	   /* marked CE on the way, but the inner packet knows no ECN */
	DECAP_NO_WAY,		   /* another backend may have it, but there is no way to it */
	/* XDP_ABORTED: a bug, nothing else */
	DECAP_BUG,
	DECAP_VERDICTS, /* how many there are */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DECAP_VERDICTS);
	__type(key, __u32);
	__type(value, struct counter);
	__uint(pinning, MAP_PINNING);
} decap_stats SEC(".maps");

#endif
