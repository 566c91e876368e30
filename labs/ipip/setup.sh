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
# usage: [DECAP=xdp|kernel|none] [LAB=NAME] [LAB_ENV=FILE] labs/ipip/setup.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/lab.sh
# shellcheck source=labs/ipip/lab.env
. "${LAB_ENV:-labs/ipip/lab.env}"
export LAB=${LAB:-ipip}
lab=labs/ipip

[[ $# -eq 0 ]] || {
	sed -n 's/^# usage/usage/p' "$0" >&2
	exit 2
}
[[ $EUID -eq 0 ]] || die "only root can load programs and make namespaces; try sudo $0"

scripts/deps lab
make --silent all

if role=$(role_of "$HOSTNAME"); then
	exec "$lab/$role.sh"
fi

started=${EPOCHREALTIME/./}
"$lab/teardown.sh" >/dev/null # whatever an earlier run has left
trap 'echo "setup.sh: failed; cleaning up" >&2; "$lab/teardown.sh" >/dev/null' EXIT

scripts/node create gateway "eth0=lan:$LB_GATEWAY/$LB_PREFIX" "eth1=wan:$CLIENT_GATEWAY/$CLIENT_PREFIX" \
	"eth2=dc:$BACKEND_GATEWAY/$BACKEND_PREFIX"
scripts/node create lb "eth0=lan:$LB/$LB_PREFIX" via "$LB_GATEWAY"
scripts/node create client "eth0=wan:$CLIENT/$CLIENT_PREFIX" via "$CLIENT_GATEWAY"
for i in "${!BACKENDS[@]}"; do
	scripts/node create "$(backend_name "$i")" "eth0=dc:${BACKENDS[i]}/$BACKEND_PREFIX" \
		via "$BACKEND_GATEWAY"
done

on gateway $lab/gateway.sh
for backend in $(backend_names); do
	on "$backend" $lab/backend.sh
done
on lb $lab/lb.sh
took=$(((${EPOCHREALTIME/./} - started) / 1000))
trap - EXIT # what fails from here on is there to be looked at

on client $lab/client.sh || {
	[[ ${DECAP-} == none ]] || die "the VIP does not answer; look with LAB=$LAB $lab/check.sh"
	echo "No answer: the backends get packets for themselves, but wrapped, and nobody unwraps them."
	echo "Next: $lab/setup.sh unwraps them in XDP."
}

cat <<END

What happened:

  client   asks $VIP:$PORT from $CLIENT
    |        gateway hands it to lb, who answers ARP for the VIP
  lb       hash -> slot -> backend; wraps it: $LB -> ${BACKENDS[0]}, say
    |        gateway routes it by the outer header
  backend  unwraps it, finds $CLIENT -> $VIP inside: "that is me, on lo";
    |        and answers the client as the VIP. The answer takes the other road
    |        home: gateway hands it to the client, and lb never sees it
  client   has its answer

Set up in $took ms, with ${#BACKENDS[@]} backends. What to try next:

  $lab/trace.sh                               one request, hop by hop
  $lab/check.sh                               is everything as it should be?
  scripts/node shell client                        a shell there; curl http://$VIP:$PORT/
  scripts/node exec lb scripts/lb stats            what became of the packets
  scripts/node exec lb bpftool prog tracelog       what the program says about each of them
  $lab/teardown.sh                            remove everything
END
