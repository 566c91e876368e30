# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# decap_stats.h for the shell.

enum decap_verdict u32 plain decapsulated syn_unanswered syn_answered syn_answered_aside handed_on handed_aside malformed unreadable outer_fragment \
	source_refused destination_refused tunnel_refused nested vip_refused congested no_way bug

# decap_stats_decode: a dump on stdin -> [{name, packets, bytes}]
decap_stats_decode() {
	counters_decode decap_verdict
}
