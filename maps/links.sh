# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# links.h for the shell.

struct link device:u32 outer:vlan_tag inner:vlan_tag

# link DEVICE [PROTOCOL ID [PROTOCOL ID]]: what is below a device, by its number; and the tags, the outer one first:
# 33024 (0x8100) is 802.1Q.
link() {
	encode link "$1" "${2-0}" "${3-0}" "${4-0}" "${5-0}"
}
