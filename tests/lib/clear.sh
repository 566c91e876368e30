#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# clear: deletes every connection and handshake of xdp_nat on this machine.
set -euo pipefail
for map in conntrack handshakes; do
	bpftool -j map dump pinned "/sys/fs/bpf/xdp/globals/$map" |
		jq -r --arg map "$map" '.[] | "map delete pinned /sys/fs/bpf/xdp/globals/\($map) key \(.key | join(" "))"'
done | bpftool batch file - >/dev/null 2>&1 || true
