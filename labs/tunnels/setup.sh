#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# setup: the tunnels lab. On a host named lb, gateway, client or backend-NN it plays that role. On any other host it builds
# the playground of the IPIP lab, and plays all of them:
#
#   client ------------ gateway ------------ lb            network wan:  client, gateway
#   10.0.0.20          |  | 192.168.178.2    192.168.178.10        lan:  gateway, lb
#            10.0.0.2 -+  |                  VIP .15               dc:   gateway, backends
#                         | 172.16.0.2
#                         +---- backend-01 172.16.0.10   (VIP on lo)
#                         +---- backend-02 172.16.0.11   (VIP on lo)
#
# TUNNEL says how lb wraps packets at first. FAMILY is that of the VIP and of the backends, as in the IPIP lab.
#
# usage: [TUNNEL=ipip|gre|fou|gue] [FAMILY=4|6|6in4|4in6] [LAB=NAME] [LAB_ENV=FILE] labs/tunnels/setup.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh tunnels
. labs/common/playground.sh

# What cannot work is refused before anything is removed.
TUNNEL=${TUNNEL:-gue}
case $TUNNEL in
ipip | gre | fou | gue) export TUNNEL ;;
*) die "TUNNEL=$TUNNEL is not known; use ipip, gre, fou or gue" ;;
esac
begin_setup "$@"

create gateway eth0=lan:LB_GATEWAY/LB_PREFIX eth1=wan:CLIENT_GATEWAY/CLIENT_PREFIX eth2=dc:BACKEND_GATEWAY/BACKEND_PREFIX
create lb eth0=lan:LB/LB_PREFIX via LB_GATEWAY
create client eth0=wan:CLIENT/CLIENT_PREFIX via CLIENT_GATEWAY
create_backends eth0=dc:BACKENDS/BACKEND_PREFIX via BACKEND_GATEWAY

play || die "the VIP does not answer; look with $say$lab/check.sh"

cat <<END

What happened: lb wraps each packet of the client ($TUNNEL), and a backend unwraps it, as in the IPIP lab.
Now compare the envelopes:

  $say$lab/experiment.sh
        how many bytes does each take, what does that do to the MTU, and can it be changed while a download runs?
  $say$lab/spread.sh
        200 connections: over how many queues of a network card would they spread?
END
traced="the same packet in four envelopes, side by side"
next_steps
