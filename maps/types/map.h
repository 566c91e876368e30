/* SPDX-License-Identifier: GPL-2.0-only */
/* What every map's header needs: libbpf's macros, and the choice whether the map is pinned. */
#ifndef MAPS_TYPES_MAP_H
#define MAPS_TYPES_MAP_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

/* The programs that `ip link set xdp` loads own their maps: pinned by name, under
 * /sys/fs/bpf/xdp/globals/NAME. A program that only joins existing maps
 * defines this as LIBBPF_PIN_NONE before it includes a map. */
#ifndef MAP_PINNING
#define MAP_PINNING LIBBPF_PIN_BY_NAME
#endif

/* A program that needs a map's structs, and not the map, defines this as `extern`. */
#ifndef MAP_DEFINITION
#define MAP_DEFINITION
#endif

#endif
