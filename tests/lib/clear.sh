#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# clear: deletes every connection and handshake of xdp_nat on this machine.
set -euo pipefail
bpftool -j map dump pinned /sys/fs/bpf/xdp/globals/conntrack |
	jq -r '.[] | "map delete pinned /sys/fs/bpf/xdp/globals/conntrack key \(.key | join(" "))"' |
	bpftool batch file - >/dev/null 2>&1 || true
"${0%/*}/handshakes.py" clear
