#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# setup: the NAT lab. On a host named lb, gateway, client or backend-NN it plays that role. On any
# other host it builds a playground of namespaces and plays all of them:
#
#   client ------------ gateway ----+------- lb            192.168.178.10, VIP .15
#   10.0.0.20     10.0.0.2   .2     +------- backend-01    192.168.178.11
#                                   +------- backend-02    192.168.178.12
#
# IPv6 addresses are beside these: 2001:db8:10::20, 2001:db8:178::15, 2001:db8:178::11 ...; FAMILY says which are used.
# 64 is an IPv6 VIP in front of IPv4 backends (NAT64), 46 the other way round.
#
# usage: [FAMILY=4|6|64|46] [LAB=NAME] [LAB_ENV=FILE] labs/nat/setup.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh nat
. labs/common/playground.sh

begin_setup "$@"

create gateway eth0=lan:LB_GATEWAY/LB_PREFIX eth1=wan:CLIENT_GATEWAY/CLIENT_PREFIX
create lb eth0=lan:LB/LB_PREFIX via LB_GATEWAY
create client eth0=wan:CLIENT/CLIENT_PREFIX via CLIENT_GATEWAY
create_backends eth0=lan:BACKENDS/LB_PREFIX via LB_GATEWAY

play || die "the VIP does not answer; look with $say$lab/check.sh"

cat <<END

What happened:

  client   asks $(endpoint "$VIP") from $CLIENT
    |        gateway hands it to lb, who answers $asks for the VIP
  lb       hash -> slot -> backend; makes it a packet of its own: $LB -> ${BACKENDS[0]},
    |        say, from a port that it lends to this connection
  backend  sees a request from lb, and answers lb
    |
  lb       knows whose port that is: makes it an answer of the VIP to the client
    |
  client   has its answer
END
next_steps
