#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A backend of the health lab: as in the lab of its mode, but with a web server that can fall ill.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh health
me=$(my_address)

why "a web server on all our addresses; /run/xdp-lb/mood says how it is: well, 500 or stuck"
run mkdir -p /run/xdp-lb
curl -s -o /dev/null --max-time 2 "http://$me:$PORT/" ||
	run labs/health/server.py "$PORT" "Hello from $HOSTNAME ($me)"

why "and all that makes us a backend, as in labs/$MODE, which finds that a web server is there"
LAB_ENV=${LAB_ENV:-$PWD/$lab/lab.env} run "labs/$MODE/backend.sh"
