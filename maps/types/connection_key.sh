# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# connection_key.h for the shell: the key of every map of connections.

struct connection_key source:ipv4 destination:ipv4 source_port:be16 destination_port:be16 protocol:protocol unused:pad3
