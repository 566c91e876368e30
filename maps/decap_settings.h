/* SPDX-License-Identifier: GPL-2.0-only */
/* decap_settings: settings of a backend's decapsulator. One entry, key 0; at first, all are off. */
#ifndef MAPS_DECAP_SETTINGS_H
#define MAPS_DECAP_SETTINGS_H

#include "types/map.h"

struct decap_settings {
	/* So many SYNs a second go to the kernel, on each CPU, for each port of a VIP. The others
	 * are answered by a cookie (headers/decap/cookie.h). 0: all go to the kernel. */
	__u32 cookies;
};

_Static_assert(sizeof(struct decap_settings) == 4, "no padding");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct decap_settings);
	__uint(pinning, MAP_PINNING);
} decap_settings SEC(".maps");

/* Returns the entry; NULL only if the kernel had no such map. */
static __always_inline struct decap_settings *this_decap_settings(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&decap_settings, &key);
}

#endif
