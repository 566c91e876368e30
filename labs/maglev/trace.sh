#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# trace: sends one request and prints what was on every cable of the playground, hop by hop. What
# changed since the hop before is marked with a star.
# usage: [LAB=NAME] labs/maglev/trace.sh [--all]    --all: every packet, not just SYN and SYN ACK
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/lab.sh maglev
. labs/playground.sh

trace_request "$@"
