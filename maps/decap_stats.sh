# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# decap_stats.h for the shell: sourced, with counter.sh.

# enum decap_verdict, in its order.
DECAP_VERDICTS=(plain decapsulated malformed outer_fragment source_refused destination_refused
	nested vip_refused congested bug)

# decap_stats_decode: a dump on stdin -> [{name, packets, bytes}]
decap_stats_decode() {
	counters_decode "${DECAP_VERDICTS[@]}"
}
