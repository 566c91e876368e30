#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# trace: sends one request and prints what was on every cable of the playground, hop by hop. A star marks what differs
# from the hop before. TTL reads outer/inner. Again and again: which load balancer does it take?
# usage: [LAB=NAME] labs/group/trace.sh [--all]    --all: every packet, not just SYN and SYN ACK
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh group
. labs/common/playground.sh
[[ $# -eq 0 || "$*" == --all ]] || usage
begin_trace
# There are checks, too: the port tells our request from them.
port=$((10000 + RANDOM % 20000))
on client curl -s -o /dev/null --max-time 5 --local-port $port "$(url "$VIP")" || echo "(the request was not answered)"
stop_listening switch
print_trace "$@" --only "$port@0"
