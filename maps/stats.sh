# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# stats.h for the shell.

enum verdict u32 not_ours local forwarded redirected probe probe_answer ttl_answered too_big_answered reset malformed unreadable fragment_unknown \
	no_backend no_address forwarding_off no_route no_neighbour ttl_expired too_big loop \
	no_connection late_reply ports_exhausted connections_full untranslatable denied limited icmp_limited bug

# stats_decode: a dump on stdin -> [{name, packets, bytes}]
stats_decode() {
	counters_decode verdict
}
