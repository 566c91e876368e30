# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# services.h for the shell: sourced, with bytes.sh.

# shellcheck disable=SC2034 # for whoever sources this
MAX_SERVICES=4096 SERVICE_STICKY=1 SERVICE_HASH=2

# service_key PROTOCOL ADDRESS PORT: port 0 is every port.
service_key() {
	echo "$(address "$2")" "$(be16 "$3")" "$(protocol_number "$1")" 4
}

# vip_key ADDRESS: the entry that says "this is a VIP of ours" (port 0, protocol 0).
vip_key() {
	echo "$(address "$1")" 0 0 0 4
}

# service ID FIRST_SLOT SLOTS [FLAGS]: flags 0 if not given; learning is over.
service() {
	echo "$(u32 "$1")" "$(u32 "$2")" "$(u32 "$3")" "$(u32 "${4-0}")" 0 0 0 0 0 0 0 0
}

# services_decode: a dump on stdin -> [{protocol, address, port, id, first, slots, flags, learns_until}], without
# the entries that only say that an address is a VIP; sorted by address, port and protocol.
services_decode() {
	decode '[.[] | select(.formatted.value.id != 0) | {
		protocol: (.formatted.key.protocol | protocol),
		address: (.formatted.key.address | address),
		port: (.key[16:18] | be16),
		family: .formatted.key.family
	} + .formatted.value] | sort_by(.address, .port, .protocol)'
}
