#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The gateway of the NAT lab: a plain router between the networks. It knows nothing of XDP.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh nat

why "a router forwards what is not for itself"
run sysctl -qw "${forwarding[@]}"
