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
before=$(tunnel_now) got=$(mktemp)

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
	rm -f "$got"
}
trap put_back EXIT

# told_mtu: what the client has learned about the way to the VIP. An upload of full-size packets makes lb say it.
told_mtu() {
	on client ip -"$vip_family" route flush cache
	# The server refuses it, but not before it has begun.
	head -c 100000 /dev/zero | on client curl -s -o /dev/null --max-time 5 -H Expect: --data-binary @- "$(url "$VIP")" || true
	on client ip -j route get "$VIP" | jq -r '.[0].metrics[0].mtu // 1500'
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
echo "A download of 4 MB, 1 MB in each second. Until it ends, its envelope changes, from time to time:"
on client curl -sS --limit-rate 1M --max-time 60 -o /dev/null -w '%{size_download}' "$(url "$VIP")long" >"$got" &
download=$! changes=0
while kill -0 $download 2>/dev/null; do
	for tunnel in ipip gre fou gue; do
		change_tunnel "$tunnel" >/dev/null
		! kill -0 $download 2>/dev/null || changes=$((changes + 1))
		sleep 0.2
	done
done
wait $download || true
echo "  $changes changes, $(<"$got") of 4000000 bytes"
