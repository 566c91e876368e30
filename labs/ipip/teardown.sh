#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# teardown: ends the playground of the IPIP lab, whatever there is of it. Everything that setup.sh
# made lives in the nodes, and goes with them.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LAB=${LAB:-ipip}

started=${EPOCHREALTIME/./}
scripts/node destroy --all
echo "Removed in $(((${EPOCHREALTIME/./} - started) / 1000)) ms."
