#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2046 # the encoders print the words that bpftool takes
# slots: on the machine for single packets: writes maps as the labs' lb.sh does, by hand: slot i is backend i + 1. `lb` would
# give backends as many slots as their weights say.
# usage: labs/code/slots.sh backends ADDRESS[=WEIGHT]...    ids 1, 2 and so on, and a slot for each
#        labs/code/slots.sh service SLOTS                   tcp, the VIP and its port: so many slots, from the first on
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/code/code.sh

# update MAP WORD...: an entry of a map.
update() {
	bpftool map update pinned "$maps/$1" "${@:2}"
}

case "$#:${1-}" in
[2-9]:backends)
	shift
	id=0
	for words; do
		id=$((id + 1)) weight=1
		[[ $words != *=* ]] || weight=${words#*=}
		update backends key $(u32 $id) value $(backend "${words%=*}" "$PORT" 1 "$weight")
	done
	for ((i = 0; i < id; i += 2)); do
		update slots key $(u32 $((i / 2))) value $(slot_pair $((i + 1)) $((i + 1 < id ? i + 2 : 0)))
	done
	;;
2:service)
	update services key $(service_key tcp "$VIP" "$PORT") value $(service 1 0 "$2" hash)
	# How often services have changed: a new number, so that what was looked up before is looked up anew.
	update destinations key $(destination_key "$VIP") value $(destination 1 0 $((${EPOCHREALTIME/[.,]/} % 65536)))
	;;
*) usage ;;
esac
