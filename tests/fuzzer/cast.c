/* SPDX-License-Identifier: GPL-2.0-only */
#include "cast.h"

#include <stdio.h>
#include <string.h>

const struct service services[] = {
	{8000, WAY_GATEWAY, "172.16.0.10", 0},
	{8600, WAY_GATEWAY, "2001:db8:16::10", 0},
	{8001, WAY_LAN, "192.168.178.11", 8080},
	{8601, WAY_LAN, "2001:db8:178::11", 8080},
	{8002, WAY_OTHER, "172.20.0.20", 0},
	{8602, WAY_OTHER, "2001:db8:20::20", 8080},
	{8003, WAY_NARROW, "172.17.0.10", 0},
	{8603, WAY_NARROW, "2001:db8:17::10", 0},
	{8004, WAY_NOBODY, NULL, 0},
	{8005, WAY_NO_NEIGHBOUR, "172.20.0.99", 0},
	{8605, WAY_NO_NEIGHBOUR, "2001:db8:20::99", 0},
	{8006, WAY_NO_ROUTE, "172.30.0.9", 0},
	{8606, WAY_NO_ROUTE, "2001:db8:30::9", 0},
	{8007, WAY_HERE, "172.20.0.10", 0},
};
const unsigned service_count = sizeof(services) / sizeof(*services);

const struct host hosts[] = {
	{"172.16.0.10", TUNNEL_IPIP | TUNNEL_GRE | TUNNEL_FOU | TUNNEL_GUE, 5555, 6080},
	{"2001:db8:16::10", TUNNEL_IPIP | TUNNEL_GRE | TUNNEL_FOU | TUNNEL_GUE, 5555, 6080},
	{"172.16.0.11", TUNNEL_GRE | TUNNEL_GUE, 0, 7777},
};
const unsigned host_count = sizeof(hosts) / sizeof(*hosts);

struct address vip[2], own[2], client[2], stranger[2], router[2];
static struct address host_addresses[3], networks[3];

const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 0x10}, other_own_mac[6] = {2, 0, 0, 0, 1, 0x10},
	      gateway_mac[6] = {2, 0, 0, 0, 0, 2}, lan_mac[6] = {2, 0, 0, 0, 0, 0x11},
	      other_mac[6] = {2, 0, 0, 0, 1, 0x20};

int of(int family)
{
	return family == 6;
}

void set_cast(void)
{
	vip[0] = address_of("192.168.178.15"), vip[1] = address_of("2001:db8:178::15");
	own[0] = address_of("192.168.178.10"), own[1] = address_of("2001:db8:178::10");
	client[0] = address_of("10.0.0.20"), client[1] = address_of("2001:db8:10::20");
	stranger[0] = address_of("10.0.0.77"), stranger[1] = address_of("2001:db8:66::77");
	router[0] = address_of("10.0.0.2"), router[1] = address_of("2001:db8:10::2");
	for (unsigned i = 0; i < host_count; i++)
		host_addresses[i] = address_of(hosts[i].name);
	networks[0] = address_of("10.99.0.0");
}

int is_vip(const struct address *address)
{
	return same_address(address, &vip[of(address->family)]);
}

const struct service *service_of(const struct talk *talk)
{
	if (!is_vip(&talk->destination) ||
	    (talk->protocol != PROTO_TCP && talk->protocol != PROTO_UDP))
		return NULL;
	for (const struct service *s = services; s < services + service_count; s++)
		if (s->port == talk->destination_port)
			return s;
	return NULL;
}

void print_services(void)
{
	for (unsigned i = 0; i < 4 * service_count; i++) {
		const struct service *s = &services[i / 4];

		printf(i & 2 ? "service %s [%s]:%u\n" : "service %s %s:%u\n", i & 1 ? "udp" : "tcp",
		       text_of(&vip[i >> 1 & 1]), s->port);
		if (s->backend && s->backend_port)
			printf(strchr(s->backend, ':') ? "backend [%s]:%u\n" : "backend %s:%u\n",
			       s->backend, s->backend_port);
		else if (s->backend)
			printf("backend %s\n", s->backend);
	}
}

struct hop hop_of(enum way way)
{
	switch (way) {
	case WAY_LAN:
		return (struct hop){lan_mac, own_mac, 1500, 0};
	case WAY_OTHER:
		return (struct hop){other_mac, other_own_mac, 3000, 1};
	case WAY_NARROW:
		return (struct hop){gateway_mac, own_mac, NARROW_MTU, 0};
	default:
		return (struct hop){gateway_mac, own_mac, 1500, 0};
	}
}

const struct host *host_of(const struct address *address)
{
	for (unsigned i = 0; i < host_count; i++)
		if (same_address(address, &host_addresses[i]))
			return &hosts[i];
	return NULL;
}

/* The outer sources that are allowed: our own addresses, and 10.99.0.0/24. */
int is_balancer(const struct address *address)
{
	return same_address(address, &own[of(address->family)]) ||
	       (address->family == 4 && !memcmp(address->bytes, networks[0].bytes, 3));
}
