/* SPDX-License-Identifier: GPL-2.0-only */
/* Copies of maps: so that a packet can be tried, and nothing that real packets look at changes. The
 * copy has the map's own name, so that every header works on it; the one that is in use is called
 * real_NAME. */
#ifndef HEADERS_WHY_COPY_H
#define HEADERS_WHY_COPY_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Defines real_NAME, like NAME, and copy_NAME(), which copies all of it. */
#define COPIED(name)                                                                               \
	typeof(name) real_##name SEC(".maps");                                                     \
                                                                                                   \
	static long copy_one_of_##name(void *map, void *key, void *value, void *unused)            \
	{                                                                                          \
		bpf_map_update_elem(&name, key, value, BPF_ANY);                                   \
		return 0;                                                                          \
	}                                                                                          \
                                                                                                   \
	static __always_inline void copy_##name(void)                                              \
	{                                                                                          \
		bpf_for_each_map_elem(&real_##name, copy_one_of_##name, NULL, 0);                  \
	}

#endif
