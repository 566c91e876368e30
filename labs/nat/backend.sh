#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A backend of the NAT lab: a web server, and nothing else. It knows neither the VIP nor XDP.
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh nat

why "a web server, whose page says who we are"
serve "$(my_address)"
