#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The client of the group lab: asks the VIP, and knows nothing of what is behind it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh group

why "each request is a new connection, from a new port, and may go to another backend"
for _ in 1 2 3 4 5 6 7 8; do
	run curl -sS --max-time 5 "http://$VIP:$PORT/"
done
