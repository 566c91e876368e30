#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# teardown: ends the playground of the Maglev lab, also after a setup that was killed half-way.
# usage: [LAB=NAME] labs/maglev/teardown.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/lab.sh maglev
. labs/playground.sh

tear_down "$@"
