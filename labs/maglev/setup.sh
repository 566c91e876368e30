#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# setup: the Maglev lab. On a host named lb, gateway, client or backend-NN it plays that role. On any other
# host it builds a playground of namespaces and plays all of them:
#
#   client ------------ gateway ----+------- lb            192.168.178.10, VIP .15
#   10.0.0.20     10.0.0.2   .2     +------- backend-01    192.168.178.21  (VIP on lo)
#                                   :
#                                   +------- backend-05    192.168.178.25  (VIP on lo)
#
# usage: [LAB=NAME] [LAB_ENV=FILE] labs/maglev/setup.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh maglev
. labs/common/playground.sh

begin_setup "$@"

scripts/node create gateway "eth0=lan:$LB_GATEWAY/$LB_PREFIX" "eth1=wan:$CLIENT_GATEWAY/$CLIENT_PREFIX"
scripts/node create lb "eth0=lan:$LB/$LB_PREFIX" via "$LB_GATEWAY"
scripts/node create client "eth0=wan:$CLIENT/$CLIENT_PREFIX" via "$CLIENT_GATEWAY"
for i in "${!BACKENDS[@]}"; do
	scripts/node create "$(backend_name "$i")" "eth0=lan:${BACKENDS[i]}/$LB_PREFIX" via "$LB_GATEWAY"
done

play || die "the VIP does not answer; look with $say$lab/check.sh"

cat <<END

What happened: five backends share the slots of one service, and each connection's hash falls on a slot.
Now let one of them leave while connections are open:

  $say$lab/experiment.sh
        50 downloads, and a backend that leaves: what hash % n does to them, what Maglev does, and what
        tracking does on top
  $say$lab/chart.sh [FILE.svg]
        how many slots each backend has, before and after
END
next_steps
