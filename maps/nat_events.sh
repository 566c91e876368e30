# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# nat_events.h for the shell.

enum nat_event u32 started port_kept port_replaced established freed

# nat_events_decode: a dump on stdin -> [{name, connections}]
nat_events_decode() {
	decode 'per_cpu("counter") | map({name: words("nat_event")[1 + .key], connections: .packets})'
}
