/* SPDX-License-Identifier: GPL-2.0-only */
/* A VLAN tag as it is on the wire, in front of the EtherType. */
#ifndef MAPS_TYPES_VLAN_TAG_H
#define MAPS_TYPES_VLAN_TAG_H

#include <linux/types.h>

struct vlan_tag {
	__be16 protocol; /* 802.1Q or 802.1ad; 0: there is no tag */
	__be16 tci;	 /* the VLAN's id; the upper four bits are a priority */
};

_Static_assert(sizeof(struct vlan_tag) == 4, "no padding");

#endif
