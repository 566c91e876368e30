#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# trace: sends one request and prints what was on every cable of the playground, hop by hop. A star marks what differs
# from the hop before. In a tunnel, TTL reads outer/inner. Every lab has a link to this file.
# usage: [LAB=NAME] labs/*/trace.sh [--all]    --all: every packet, not just SYN and SYN ACK
set -euo pipefail
folder=$(cd "$(dirname "$0")" && pwd) # of the link, and so of the lab
cd "$folder/../.."
. labs/common/lab.sh "${folder##*/}"
. labs/common/playground.sh

trace_request "$@"
