/* SPDX-License-Identifier: GPL-2.0-only */
/* checks: how the backends of a service are checked, as lines of the services file. No program
 * reads them: they live here so that they come and go with their service. */
#ifndef MAPS_CHECKS_H
#define MAPS_CHECKS_H

#include "types/map.h"

#define CHECKS_LENGTH 1020

struct checks {
	__u32 length;		  /* of the text, in bytes */
	char text[CHECKS_LENGTH]; /* "check http /health interval 2\n" and so on, in UTF-8 */
};

_Static_assert(sizeof(struct checks) == 1024, "no padding");

/* Made and pinned by scripts/lb, with the first service that has checks. */
MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, __u32); /* id of the service */
	__type(value, struct checks);
	__uint(pinning, MAP_PINNING);
} checks SEC(".maps");

#endif
