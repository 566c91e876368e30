# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# nat_events.h for the shell: sourced, with counter.sh.

# enum nat_event, in its order.
NAT_EVENTS=(started port_kept port_replaced established freed)

# nat_events_decode: a dump on stdin -> [{name, connections}]
nat_events_decode() {
	counters_decode "${NAT_EVENTS[@]}" | jq -c 'map({name, connections: .packets})'
}
