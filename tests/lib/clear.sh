#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# clear: deletes every connection and handshake of xdp_nat on this machine.
set -euo pipefail
for map in /sys/fs/bpf/xdp/globals/conntrack{,6}; do
	bpftool -j map dump pinned "$map" | jq -r --arg map "$map" '.[] | "map delete pinned \($map) key \(.key | join(" "))"' |
		bpftool batch file - >/dev/null 2>&1 || true
done
"${0%/*}/handshakes.py" clear
