#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# teardown: ends the playground of the L2 DSR lab, also after a setup that was killed half-way.
# usage: [LAB=NAME] labs/l2dsr/teardown.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/lab.sh l2dsr
. labs/playground.sh

tear_down "$@"
