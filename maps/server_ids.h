/* SPDX-License-Identifier: GPL-2.0-only */
/* server_ids: QUIC: which backend of a service is meant by a connection id (headers/lb/quic.h). */
#ifndef MAPS_SERVER_IDS_H
#define MAPS_SERVER_IDS_H

#include "types/map.h"

#define MAX_SERVER_ID_BYTES 4

struct server_id_key {
	__u32 service;	 /* id */
	__u32 server_id; /* a number: on the wire, its first byte is the highest one */
};

struct server_id {
	__u32 backend; /* id */
};

_Static_assert(sizeof(struct server_id_key) == 8, "no padding");

MAP_DEFINITION struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 32768); /* as many as there are backends */
	__type(key, struct server_id_key);
	__type(value, struct server_id);
	__uint(pinning, MAP_PINNING);
} server_ids SEC(".maps");

#endif
