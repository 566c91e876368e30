#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# experiment: what does each envelope cost? First bytes and MTU, then an upload that finds out by itself, then a download
# during which the envelope changes.
# usage: [LAB=NAME] labs/tunnels/experiment.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/common/lab.sh tunnels
. labs/common/playground.sh
. labs/tunnels/tunnel.sh
[[ $# -eq 0 ]] || usage
need_playground
before=$(tunnel_now)

# small_segments yes|no: whether the backends ask for segments that leave room.
small_segments() {
	local backend room=(advmss "$ADVMSS")
	[[ $1 == yes ]] || room=()
	for backend in $(backend_names); do
		on "$backend" ip route replace default via "$BACKEND_GATEWAY" dev eth0 "${room[@]}"
	done
}
# shellcheck disable=SC2317 # called by trap
put_back() {
	small_segments yes
	on client ip -"$vip_family" route flush cache
	change_tunnel "$before" >/dev/null
}
trap put_back EXIT

# told_mtu: what the client has learned about the way to the VIP. An upload of full-size packets makes lb say it (but not
# at any rate).
told_mtu() {
	local tries
	on client ip -"$vip_family" route flush cache
	for ((tries = 0; tries < 5; tries++)); do
		ask_too_much
		! on client ip route get "$VIP" | grep -q mtu || break
	done
	on client ip -j route get "$VIP" | jq -r '.[0].metrics[0].mtu // 1500'
}
ask_too_much() {
	# The server refuses it, but not before it has begun.
	head -c 100000 /dev/zero | on client curl -s -o /dev/null --max-time 5 -H Expect: --data-binary @- "$(url "$VIP")" || true
}

echo "The backends do not ask for small segments now. The client sends 1500 bytes, and is told what fits:"
small_segments no
for tunnel in ipip gre fou gue; do
	change_tunnel "$tunnel" >/dev/null
	mtu=$(told_mtu)
	printf '  %-5s %s bytes around a packet, MTU %s\n' "$tunnel" $((1500 - mtu)) "$mtu"
done
small_segments yes

echo
echo "A download of 100 MB, all in one connection. Its envelope changes before each of the first 20 MB:"
# shellcheck disable=SC2016 # expanded over there
received=$(for tunnel in ipip gre fou gue; do
	change_tunnel "$tunnel" >/dev/null
	echo
done | on client bash -c '
	exec 3<>"/dev/tcp/$1/$2"
	printf "GET /long HTTP/1.0\r\n\r\n" >&3
	while read -r line <&3 && [[ ${#line} -gt 1 ]]; do :; done # the header
	{
		while read -r; do head -c 20000000 <&3; done
		cat <&3
	} | wc -c' - "$VIP" "$PORT")
echo "  4 changes, $received of 100000000 bytes"
