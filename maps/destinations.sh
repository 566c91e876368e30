# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# destinations.h for the shell.

struct destination vips:u32 lent:u32 changes:u32 crosses:u32

# destination_key ADDRESS: of its last two octets.
destination_key() {
	local bytes=() last=2
	value address "$1"
	[[ $1 != *:* ]] || last=14
	u32 $((bytes[last] << 8 | bytes[last + 1]))
}

# destination VIPS [LENT [CHANGES]]: how many VIPs end in these octets; NAT: 1 if an address does whose ports
# have been lent; how often their services have changed.
destination() {
	encode destination "$1" "${2-0}" "${3-0}" 0
}
