/* SPDX-License-Identifier: GPL-2.0-only */
/* command: what `bpftool prog run` tells xdp_maglev or xdp_settle: a struct command, and behind it
 * its changes. It is no map, but kernel and shell have to agree on it in the same way. One command
 * does all or nothing, whatever happens to the process that gave it. */
#ifndef MAPS_COMMAND_H
#define MAPS_COMMAND_H

#include "../backends.h"
#include "../clients.h"
#include "../limits.h"
#include "../server_ids.h"
#include "../services.h"

#define MAX_SERVICE_BACKENDS 1024
#define MAX_SERVICE_CLIENTS 1000 /* prefixes */
#define MAX_SERVICE_SLOTS 65537
#define MAX_COMMAND_CHANGES (2 * MAX_SERVICE_BACKENDS) /* of all kinds together */
#define TABLE_CELLS 1024 /* of a table that can grow: see headers/maglev/fill.h */

enum operation {
	COMMAND_BUILD = 1,  /* carry out the changes, fill the slots, and write the service */
	COMMAND_DELETE = 2, /* carry out the changes, and delete the service */
	COMMAND_SETTLE = 3, /* xdp_settle: slots forget whose they were, if no flow needs it */
};

struct command {
	__u32 operation; /* enum operation */
	struct service_key key;
	struct service service; /* learns_until is not read: the kernel knows the time */
	struct limit limit;
	/* How many slots the backends share; service.slots is a multiple of it. See fill.h. */
	__u32 table;
	__u32 is_vip;	  /* 1: the address is a VIP afterwards; 0: no service has it any more */
	__u32 changes;	  /* how many follow: struct backend_change, */
	__u32 clients;	  /* struct client_change, */
	__u32 server_ids; /* struct server_id_change; */
	__u32 checks;	  /* 1: behind them follows a struct checks; 0: the service has none */
};

/* What an entry of backends becomes. */
struct backend_change {
	__u32 id;
	struct backend backend;
};

/* What an entry of clients becomes; rule CLIENT_UNKNOWN: it is deleted. */
struct client_change {
	struct client_key key;
	struct client_entry entry;
};

/* What an entry of server_ids becomes; backend 0: it is deleted. */
struct server_id_change {
	struct server_id_key key;
	struct server_id value;
};

/* What the program returns: how many slots have got another backend (BUILD), or are still waiting
 * for flows of other backends (SETTLE); or one of these. */
enum command_error {
	COMMAND_MALFORMED = 0xfffffff0, /* a command that this program does not understand */
	COMMAND_TOO_MANY,		/* more than MAX_SERVICE_BACKENDS, or slots */
	COMMAND_NO_ROOM,		/* a map does not take an entry */
};

_Static_assert(sizeof(struct command) == 80, "no padding, at least 14 bytes");
_Static_assert(sizeof(struct backend_change) == 32, "no padding");

#endif
