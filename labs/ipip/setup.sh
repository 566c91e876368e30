#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# setup: the IPIP lab. On a host named lb, gateway, client or backend-NN it plays that role. On any
# other host it builds a playground of namespaces and plays all of them:
#
#   client ------------ gateway ------------ lb            network wan:  client, gateway
#   10.0.0.20          |  | 192.168.178.2    192.168.178.10        lan:  gateway, lb
#            10.0.0.2 -+  |                  VIP .15               dc:   gateway, backends
#                         | 172.16.0.2
#                         +---- backend-01 172.16.0.10   (VIP on lo)
#                         +---- backend-02 172.16.0.11   (VIP on lo)
#
# IPv6 addresses are beside these: 2001:db8:10::20, 2001:db8:178::15, 2001:db8:172::10 ...; FAMILY says which are used.
# 6in4 is an IPv6 VIP over IPv4 to the backends, 4in6 the other way round.
#
# usage: [FAMILY=4|6|6in4|4in6] [DECAP=xdp|kernel|none] [LAB=NAME] [LAB_ENV=FILE] labs/ipip/setup.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh ipip
. labs/common/playground.sh

# What cannot work is refused before anything is removed.
case ${DECAP:-xdp} in
xdp | none) ;;
kernel)
	[[ $FAMILY == 4 ]] || die "DECAP=kernel unwraps IPv4 in IPv4 only; use FAMILY=4, or DECAP=xdp"
	modprobe ipip 2>/dev/null || true
	[[ $EUID -ne 0 ]] || unshare --net ip link add name ipip0 type ipip external 2>/dev/null ||
		die "this kernel has no ipip (CONFIG_NET_IPIP); use DECAP=xdp instead"
	;;
*) die "DECAP=$DECAP is not known; use xdp, kernel or none" ;;
esac
begin_setup "$@"

create gateway eth0=lan:LB_GATEWAY/LB_PREFIX eth1=wan:CLIENT_GATEWAY/CLIENT_PREFIX eth2=dc:BACKEND_GATEWAY/BACKEND_PREFIX
create lb eth0=lan:LB/LB_PREFIX via LB_GATEWAY
create client eth0=wan:CLIENT/CLIENT_PREFIX via CLIENT_GATEWAY
create_backends eth0=dc:BACKENDS/BACKEND_PREFIX via BACKEND_GATEWAY

if ! play; then
	[[ ${DECAP-} == none ]] || die "the VIP does not answer; look with $say$lab/check.sh"
	echo "
No answer. Where is the packet lost?
See how far it comes: $say$lab/trace.sh. When you know, go on with $say$lab/setup.sh: there nothing is missing."
	exit
fi

cat <<END

What happened:

  client   asks $(endpoint "$VIP") from $CLIENT
    |        gateway hands it to lb, who answers $asks for the VIP
  lb       hash -> slot -> backend; wraps it: $LB -> ${BACKENDS[0]}, say
    |        gateway routes it by the outer header
  backend  unwraps it, finds $CLIENT -> $VIP inside: "that is me, on lo";
    |        and answers the client as the VIP. The answer takes another way
    |        back: gateway hands it to the client, and lb never sees it
  client   has its answer
END
next_steps
