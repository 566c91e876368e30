/* SPDX-License-Identifier: GPL-2.0-only */
/* stats: one counter for every way out of a load balancer's program. */
#ifndef MAPS_STATS_H
#define MAPS_STATS_H

#include "types/counter.h"

/* The names are shown by `scripts/lb stats`, in lower case and without the prefix. */
enum verdict {
	/* XDP_PASS: the kernel has it, unchanged */
	VERDICT_NOT_OURS, /* not for a service of this load balancer */
	VERDICT_LOCAL,	  /* for a backend that is this machine itself (health checks, too) */
	/* XDP_TX and XDP_REDIRECT: on to a backend */
	VERDICT_FORWARDED,  /* out of the interface it came in by */
	VERDICT_REDIRECTED, /* out of another one */
	/* XDP_REDIRECT: health checks (headers/lb/probe.h) */
	VERDICT_PROBE,	      /* on to the backend that is checked */
	VERDICT_PROBE_ANSWER, /* of a backend, back to the one who checks */
	/* XDP_TX: back to the sender, as an ICMP error or a reset */
	VERDICT_TTL_ANSWERED,	  /* time exceeded: its TTL ended here */
	VERDICT_TOO_BIG_ANSWERED, /* fragmentation needed: too big for the way on */
	VERDICT_RESET, /* NAT, a TCP reset: the connection's backend is down or has failed */
	/* XDP_DROP */
	VERDICT_MALFORMED,	  /* for a VIP, with lengths that disagree */
	VERDICT_UNREADABLE,	  /* IPv6: its ports stand behind too many headers */
	VERDICT_FRAGMENT_UNKNOWN, /* a later fragment whose first one was not seen */
	VERDICT_NO_BACKEND,	  /* the service has no usable backend */
	VERDICT_NO_ADDRESS,	  /* load_balancer holds no address of our own */
	VERDICT_FORWARDING_OFF,	  /* sysctl net.ipv4.ip_forward=1 is missing */
	VERDICT_NO_ROUTE,	  /* the kernel knows no way to the backend */
	VERDICT_NO_NEIGHBOUR,	  /* the next hop's MAC address is not known */
	VERDICT_TTL_EXPIRED,   /* its TTL ended here; only whole TCP and UDP packets are answered */
	VERDICT_TOO_BIG,       /* too big for the way, without DF, or an ICMP error or fragment */
	VERDICT_LOOP,	       /* it came from where it would be sent to */
	VERDICT_NO_CONNECTION, /* NAT: neither of a connection, nor the first packet of one */
	VERDICT_LATE_REPLY,    /* NAT: to one of the lent ports, but of no connection */
	VERDICT_PORTS_EXHAUSTED,  /* NAT: no port is free for a new connection to this backend */
	VERDICT_CONNECTIONS_FULL, /* NAT: no room for a new connection */
	VERDICT_UNTRANSLATABLE, /* NAT: there is nothing like it in the backend's or client's family
				 */
	VERDICT_DENIED,		/* the service does not want this client */
	VERDICT_LIMITED,	/* too many new connections from the client's prefix */
	VERDICT_ICMP_LIMITED,	/* somebody should be told, but not that often */
	/* XDP_ABORTED: a bug, nothing else */
	VERDICT_BUG,
	VERDICTS, /* how many there are */
};

MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VERDICTS);
	__type(key, __u32);
	__type(value, struct counter);
	__uint(pinning, MAP_PINNING);
} stats SEC(".maps");

#endif
