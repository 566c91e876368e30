#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The gateway of the health lab: a plain router between the networks. It knows nothing of XDP, and of health.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh health

why "a router, as in labs/$MODE"
LAB_ENV=${LAB_ENV:-$PWD/$lab/lab.env} run "labs/$MODE/gateway.sh"
