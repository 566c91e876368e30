# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# vlan_tag.h for the shell.

struct vlan_tag protocol:be16 tci:be16
