# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# connection_key.h for the shell: the keys of the maps of connections.

struct connection_key source:address destination:address source_port:be16 destination_port:be16 protocol:protocol family:u8 unused:pad2
struct ipv4_key source:ipv4 destination:ipv4 source_port:be16 destination_port:be16 protocol:protocol unused:pad3
