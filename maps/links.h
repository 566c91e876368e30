/* SPDX-License-Identifier: GPL-2.0-only */
/* links: what the kernel's routes call by another name than XDP does. A route may lead through a
 * VLAN device (eth0.7), but XDP sends out of the device below, and has to write the tag itself. A
 * packet comes in by a bond's port, but the routes know the bond alone. */
#ifndef MAPS_LINKS_H
#define MAPS_LINKS_H

#include "types/map.h"
#include "types/vlan_tag.h"

/* The key is a device's ifindex. */
struct link {
	__u32 device; /* ifindex: below a VLAN device; of a port: its bond */
	/* What a frame has that leaves through a VLAN device. A port has no tags. */
	struct vlan_tag outer;
	struct vlan_tag inner; /* a VLAN in a VLAN: the second one */
};

_Static_assert(sizeof(struct link) == 12, "no padding");

/* It has room for each VLAN of a trunk, and takes memory for those that there are. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct link);
	__uint(pinning, MAP_PINNING);
} links SEC(".maps");

#endif
