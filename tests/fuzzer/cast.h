/* SPDX-License-Identifier: GPL-2.0-only */
/* cast: who is there. tests/fuzz makes a node like this, with what `fuzzer services` prints. */
#ifndef FUZZER_CAST_H
#define FUZZER_CAST_H

#include "wire.h"

/* Where a backend is. */
enum way {
	WAY_GATEWAY,	  /* behind the machine that clients come from */
	WAY_LAN,	  /* on eth0's network */
	WAY_OTHER,	  /* on eth1's network */
	WAY_NARROW,	  /* behind the gateway, and the route has a small MTU */
	WAY_NOBODY,	  /* the service has no backend */
	WAY_NO_NEIGHBOUR, /* nobody has the address */
	WAY_NO_ROUTE,	  /* the route says no */
	WAY_HERE,	  /* this machine has the address */
};

/* There are four of each: of TCP and UDP, with either VIP. */
struct service {
	unsigned port;
	enum way way;
	const char *backend;
	unsigned backend_port; /* 0: the same; only NAT looks at it */
};

extern const struct service services[];
extern const unsigned service_count;

#define CLIENT_PORT 40000 /* and the next ones */
#define CLIENT_PORTS 8
#define FIRST_LENT 10000 /* ports that NAT lends: `lb nat set ports` */
#define LAST_LENT 65535
#define NARROW_MTU 1400

extern struct address vip[2], own[2], client[2], stranger[2], router[2];

/* Index of a family in those. */
int of(int family);

void set_cast(void);
int is_vip(const struct address *address);
const struct service *service_of(const struct talk *talk);
void print_services(void);

/* The devices: eth0, where frames come in, and eth1. */
extern const uint8_t own_mac[6], other_own_mac[6], gateway_mac[6], lan_mac[6], other_mac[6];

/* Ethernet of the way to a backend. */
struct hop {
	const uint8_t *to, *from;
	unsigned mtu;
	int is_other; /* out of eth1 */
};

struct hop hop_of(enum way way);

/* What xdp_decap has been told. */
enum tunnel { TUNNEL_IPIP = 1, TUNNEL_GRE = 2, TUNNEL_FOU = 4, TUNNEL_GUE = 8 };

struct host {
	const char *name;
	unsigned tunnels;
	unsigned fou_port, gue_port;
};

extern const struct host hosts[];
extern const unsigned host_count;

const struct host *host_of(const struct address *address);
int is_balancer(const struct address *address);

#endif
