#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# teardown: ends the playground of the IPIP lab, also after a setup that was killed half-way.
# usage: [LAB=NAME] labs/ipip/teardown.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/lab.sh ipip
. labs/playground.sh

tear_down "$@"
