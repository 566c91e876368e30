#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# setup: the L2 DSR lab. On a host named lb, gateway, client or backend-NN it plays that role. On any
# other host it builds a playground of namespaces and plays all of them:
#
#   client ------------ gateway ----+------- lb            192.168.178.10, VIP .15
#   10.0.0.20     10.0.0.2   .2     +------- backend-01    192.168.178.11  (VIP on lo)
#                           |       +------- backend-02    192.168.178.12  (VIP on lo)
#                172.16.0.2 +-- far                        (for the last task)
#
# IPv6 addresses are beside these: 2001:db8:10::20, 2001:db8:178::15, 2001:db8:178::11 ...; FAMILY says which are used.
#
# usage: [FAMILY=4|6] [LAB=NAME] [LAB_ENV=FILE] labs/l2dsr/setup.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh l2dsr
. labs/common/playground.sh

begin_setup "$@"

create gateway eth0=lan:LB_GATEWAY/LB_PREFIX eth1=wan:CLIENT_GATEWAY/CLIENT_PREFIX eth2=far:FAR_GATEWAY/FAR_PREFIX
create lb eth0=lan:LB/LB_PREFIX via LB_GATEWAY
create client eth0=wan:CLIENT/CLIENT_PREFIX via CLIENT_GATEWAY
create_backends eth0=lan:BACKENDS/LB_PREFIX via LB_GATEWAY

play || die "the VIP does not answer; look with $say$lab/check.sh"

cat <<END

What happened:

  client   asks $(endpoint "$VIP") from $CLIENT
    |        gateway hands it to lb, who answers $asks for the VIP
  lb       hash -> slot -> backend; changes the MAC addresses, and nothing else
    |
  backend  finds $CLIENT -> $VIP in it: "that is me, on lo"; and answers the
    |        client as the VIP. The answer takes a shorter way back: gateway hands
    |        it to the client, and lb never sees it
  client   has its answer
END
next_steps
