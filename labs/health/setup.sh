#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# setup: the health lab. On a host named lb, gateway, client or backend-NN it plays that role. On any other host it
# builds a playground of namespaces and plays all of them. With MODE=ipip:
#
#   client ------------ gateway ------------ lb            network wan:  client, gateway
#   10.0.0.20          |  | 192.168.178.2    192.168.178.10        lan:  gateway, lb
#            10.0.0.2 -+  |                  VIP .15               dc:   gateway, backends
#                         | 172.16.0.2
#                         +---- backend-01 172.16.0.10   (VIP on lo)
#                         +---- backend-02 172.16.0.11   (VIP on lo)
#                         +---- backend-03 172.16.0.12   (VIP on lo)
#
# With l2dsr and nat, the backends are in lan, too: 192.168.178.11 to .13.
#
# usage: [MODE=ipip|l2dsr|nat] [LAB=NAME] [LAB_ENV=FILE] labs/health/setup.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh health
. labs/common/playground.sh

# What cannot work is refused before anything is removed.
case $MODE in
ipip) network=dc prefix=$BACKEND_PREFIX gateway=$BACKEND_GATEWAY ;;
l2dsr | nat) network=lan prefix=$LB_PREFIX gateway=$LB_GATEWAY ;;
*) die "MODE=$MODE is not known; use ipip, l2dsr or nat" ;;
esac
export MODE
begin_setup "$@"

cables=("eth0=lan:$LB_GATEWAY/$LB_PREFIX" "eth1=wan:$CLIENT_GATEWAY/$CLIENT_PREFIX")
[[ $MODE != ipip ]] || cables+=("eth2=dc:$BACKEND_GATEWAY/$BACKEND_PREFIX")
scripts/node create gateway "${cables[@]}"
scripts/node create lb "eth0=lan:$LB/$LB_PREFIX" via "$LB_GATEWAY"
scripts/node create client "eth0=wan:$CLIENT/$CLIENT_PREFIX" via "$CLIENT_GATEWAY"
for i in "${!BACKENDS[@]}"; do
	scripts/node create "$(backend_name "$i")" "eth0=$network:${BACKENDS[i]}/$prefix" via "$gateway"
done

play || die "the VIP does not answer; look with $say$lab/check.sh"

cat <<END

What happened: the load balancer sends packets to three backends ($MODE), and lb watch checks each of them twice a second.
Now let them die:

  $say$lab/experiment.sh
        100 clients, and one death after the other: how long does it take until it is noticed, and what is lost?
END
traced="one check, hop by hop"
next_steps
