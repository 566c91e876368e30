#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# setup: the group lab. On a host named gateway, client, lb-NN or backend-NN it plays that role. On any other host it
# builds a playground of namespaces and plays all of them:
#
#   client ------------ gateway -----+------ lb-01         192.168.178.11
#   10.0.0.20   10.0.0.2   |   .2    +------ lb-02                    .12   VIP 203.0.113.15: each of them
#                          |         +------ lb-03                    .13   announces it to gateway
#                          | 172.16.0.2
#                          +------ backend-01 .. backend-04     172.16.0.10 .. .13   (VIP on lo)
#
# usage: [LAB=NAME] [LAB_ENV=FILE] labs/group/setup.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh group
. labs/common/playground.sh

begin_setup "$@"

create gateway eth0=lan:LB_GATEWAY/LB_PREFIX eth1=wan:CLIENT_GATEWAY/CLIENT_PREFIX eth2=dc:BACKEND_GATEWAY/BACKEND_PREFIX
i=0
for lb in $(lb_names); do
	create "$lb" "eth0=lan:LBS[$i]/LB_PREFIX" via LB_GATEWAY
	i=$((i + 1))
done
create client eth0=wan:CLIENT/CLIENT_PREFIX via CLIENT_GATEWAY
create_backends eth0=dc:BACKENDS/BACKEND_PREFIX via BACKEND_GATEWAY

play || die "the VIP does not answer; look with $say$lab/check.sh"

cat <<END

What happened: gateway has three ways to $VIP, and takes one for each connection, by a hash of addresses and ports. The
load balancers do not know each other. They have the same key and the same services, so it does not matter which way
a packet takes:

$(on gateway ip route show "$VIP")

Now let one of them die, while connections are open:

  $say$lab/experiment.sh
        200 connections for each of eight things that happen in such a group: which of them break connections?
END
next_steps
